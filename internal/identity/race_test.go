package identity

import (
	"sync"
	"testing"

	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/auth/authorizer"
)

// TestChangesAmidDecisions: while a user's policy is replaced over and over, each of thousands of calls is decided by one version of
// it: what one version allows and the other denies is never allowed together, and always one of the two.
func TestChangesAmidDecisions(t *testing.T) {
	w := newWorld(t)
	user := w.make(t, User, "alice", "")
	versions := [2]string{allowOnly("dynamodb:GetItem"), allowOnly("dynamodb:PutItem")}
	must(t, w.PutInline(t.Context(), user, "p", versions[0]))
	a := authorizer.New(w.Directory, w.clock)
	may := func(actions ...string) bool {
		var needs auth.Needs
		for _, action := range actions {
			needs.Add(auth.Need{Action: action, Resource: "arn:aws:dynamodb:us-east-1:" + testAccount + ":table/t"})
		}
		caller := &auth.Caller{Type: auth.IAMUser, Account: testAccount, UserID: user.ID, ARN: user.ARN()}
		return a.Authorize(t.Context(), caller, &needs) == nil
	}
	var deciders sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		deciders.Go(func() {
			for range 3000 {
				if may("dynamodb:GetItem", "dynamodb:PutItem") {
					t.Error("two versions of a policy allow together what neither allows")
					return
				}
			}
		})
	}
	var changer sync.WaitGroup
	changer.Go(func() {
		for i := 1; ; i++ {
			select {
			case <-stop:
				return
			default:
				if err := w.PutInline(t.Context(), user, "p", versions[i%2]); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	deciders.Wait()
	close(stop)
	changer.Wait()
	for i, action := range []string{"dynamodb:GetItem", "dynamodb:PutItem"} {
		must(t, w.PutInline(t.Context(), user, "p", versions[i]))
		if !may(action) {
			t.Errorf("the last version does not allow %s at once", action)
		}
	}
}

func allowOnly(action string) string {
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"` + action + `","Resource":"*"}}`
}
