package dynamodb

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/arn"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/auth/policy"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/storage"
)

// noPolicy is the ExpectedRevisionId of a table that has no policy.
const noPolicy = "NO_POLICY"

// compiledPolicies keeps the policies of tables ready to be evaluated. Tables without one cost nothing.
type compiledPolicies struct {
	byTable sync.Map // storage.TableID → *compiledPolicy
}

type compiledPolicy struct {
	revision string
	policy   *policy.Policy
}

// of is a table's policy, nil where it has none.
func (c *compiledPolicies) of(t *engine.Table) *policy.Policy {
	if t.Policy.Text == "" {
		return nil
	}
	if known, ok := c.byTable.Load(t.ID); ok {
		if compiled := known.(*compiledPolicy); compiled.revision == t.Policy.Revision {
			return compiled.policy
		}
	}
	compiled, err := policy.Parse([]byte(t.Policy.Text), policy.Resource)
	if err != nil {
		compiled = denyEverybody() // written by a program that knows more than this one
	}
	c.byTable.Store(t.ID, &compiledPolicy{t.Policy.Revision, compiled})
	return compiled
}

func (c *compiledPolicies) forget(id storage.TableID) { c.byTable.Delete(id) }

// denyEverybody stands for a policy that cannot be read.
func denyEverybody() *policy.Policy {
	denied, err := policy.Parse([]byte(`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}`), policy.Resource)
	if err != nil {
		return &policy.Policy{} // allows nothing either
	}
	return denied
}

// policyOn is the policy that counts when a caller does something to a table or to an index of it; nil when none does.
func (s *Service) policyOn(caller *auth.Caller, action, resource string) *policy.Policy {
	a, _ := arn.Parse(resource)
	child, _ := a.Child("table")
	table, _, _ := strings.Cut(child, "/")
	t, err := s.engine.Table(engine.Name{Account: a.Account, Region: a.Region, Table: table})
	if err != nil || t.Policy.Text == "" || !heeds(t, caller, action) {
		return nil
	}
	return s.policies.of(t)
}

func (s *Service) putResourcePolicyAccess(_ context.Context, caller *auth.Caller, in *dynamodbapi.PutResourcePolicyInput, needs *auth.Needs) error {
	needs.Note("policy", *in.Policy)
	return s.needOwn(caller, "dynamodb:PutResourcePolicy", in.ResourceArn, needs)
}

func (s *Service) getResourcePolicyAccess(_ context.Context, caller *auth.Caller, in *dynamodbapi.GetResourcePolicyInput, needs *auth.Needs) error {
	return s.needOwn(caller, "dynamodb:GetResourcePolicy", in.ResourceArn, needs)
}

func (s *Service) deleteResourcePolicyAccess(_ context.Context, caller *auth.Caller, in *dynamodbapi.DeleteResourcePolicyInput, needs *auth.Needs) error {
	return s.needOwn(caller, "dynamodb:DeleteResourcePolicy", in.ResourceArn, needs)
}

// needOwn is needTagged for requests that only callers of the table's own account can make.
func (s *Service) needOwn(caller *auth.Caller, action string, given *string, needs *auth.Needs) error {
	if isStream(*given) {
		return invalid("Resource-based policies of streams are not supported. Provided resource arn: %s", *given)
	}
	name, err := resourceName(caller, given)
	if err != nil {
		return err
	}
	if name.Account != caller.Account {
		return invalid("This action is only supported by accounts that match the resource owner’s account.")
	}
	_, err = s.needTagged(caller, action, given, needs)
	return err
}

// isStream says whether an ARN is that of a stream.
func isStream(given string) bool {
	a, _ := arn.Parse(given)
	child, _ := a.Child("table")
	_, rest, _ := strings.Cut(child, "/")
	return a.Service == "dynamodb" && strings.HasPrefix(rest, "stream/")
}

// governed finds the table whose policy a request is about.
func (s *Service) governed(caller *auth.Caller, given *string) (*engine.Table, error) {
	name, err := resourceName(caller, given)
	if err != nil {
		return nil, err
	}
	t, err := s.engine.Table(name)
	if err != nil || status(t, s.clock.Now()) == "CREATING" {
		return nil, notFound("Requested resource not found: Table: %s not found", name.Table)
	}
	return t, nil
}

func (s *Service) getResourcePolicy(_ context.Context, caller *auth.Caller, in *dynamodbapi.GetResourcePolicyInput) (*dynamodbapi.GetResourcePolicyOutput, error) {
	t, err := s.governed(caller, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	if t.Policy.Text == "" {
		return nil, policyNotFound(*in.ResourceArn)
	}
	return &dynamodbapi.GetResourcePolicyOutput{Policy: s.shownPolicy(t), RevisionId: &t.Policy.Revision}, nil
}

func policyNotFound(what string) error {
	return dynamodbapi.PolicyNotFoundException("Resource-based policy not found for the provided ResourceArn: " + what)
}

func (s *Service) putResourcePolicy(ctx context.Context, caller *auth.Caller, in *dynamodbapi.PutResourcePolicyInput) (*dynamodbapi.PutResourcePolicyOutput, error) {
	document, err := s.readPolicy(*in.Policy)
	if err != nil {
		return nil, err
	}
	t, err := s.governed(caller, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	if !isTrue(in.ConfirmRemoveSelfResourceAccess) {
		if err := s.checkLockout(ctx, caller, document.compiled, t); err != nil {
			return nil, err
		}
	}
	updated, err := s.changePolicy(ctx, t, in.ExpectedRevisionId, document.text)
	if err != nil {
		return nil, err
	}
	return &dynamodbapi.PutResourcePolicyOutput{RevisionId: &updated.Policy.Revision}, nil
}

// checkLockout refuses a policy under which the caller could not change it again.
func (s *Service) checkLockout(ctx context.Context, caller *auth.Caller, p *policy.Policy, t *engine.Table) error {
	var needs auth.Needs
	needs.Add(auth.Need{Action: "dynamodb:PutResourcePolicy", Resource: t.ARN, Policy: p})
	err := s.authorizer.Authorize(ctx, caller, &needs)
	var denied *auth.DeniedError
	if errors.As(err, &denied) {
		return &api.Error{Code: "AccessDeniedException", Message: "The new resource policy will not allow you to update the resource policy in the future.", Cause: err}
	}
	return err
}

func (s *Service) deleteResourcePolicy(ctx context.Context, caller *auth.Caller, in *dynamodbapi.DeleteResourcePolicyInput) (*dynamodbapi.DeleteResourcePolicyOutput, error) {
	t, err := s.governed(caller, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	if t.Policy.Text == "" && in.ExpectedRevisionId == nil {
		return &dynamodbapi.DeleteResourcePolicyOutput{}, nil
	}
	updated, err := s.changePolicy(ctx, t, in.ExpectedRevisionId, "")
	if err != nil {
		return nil, err
	}
	return &dynamodbapi.DeleteResourcePolicyOutput{RevisionId: &updated.Policy.Revision}, nil
}

// changePolicy puts a policy in place of the one of the expected revision; an empty text takes it away.
func (s *Service) changePolicy(ctx context.Context, t *engine.Table, expected *string, text string) (*engine.Table, error) {
	now := s.clock.Now()
	updated, err := s.engine.UpdateTable(ctx, t.Name, func(next *engine.Table) error {
		if err := sameTable(next, t); err != nil {
			return err
		}
		if err := checkRevision(next, expected, text == ""); err != nil {
			return err
		}
		if text != "" && next.Policy.Text != "" && samePolicy(next.Policy.Text, text) {
			return errSamePolicy
		}
		if next.Deleting {
			return tableBusy(next, now)
		}
		if err := s.checkPolicyPause(next, now); err != nil {
			return err
		}
		setPolicy(next, text, now)
		return nil
	})
	if errors.Is(err, errSamePolicy) {
		return s.engine.Table(t.Name)
	}
	return updated, refusal(err)
}

// errSamePolicy leaves a policy as it is that says the same already.
var errSamePolicy = errors.New("the policy says the same already")

// setPolicy writes a policy down. Revisions are times in milliseconds; each is greater than those before it.
func setPolicy(t *engine.Table, text string, now time.Time) {
	revision := now.UnixMilli()
	if before, err := strconv.ParseInt(t.Policy.Revision, 10, 64); err == nil && text != "" {
		revision = max(revision, before+1)
	}
	t.Policy.Text, t.Policy.Changed = text, now
	if text != "" { // what is taken away keeps the revision by which it was known
		t.Policy.Revision = strconv.FormatInt(revision, 10)
	}
}

// checkRevision refuses a change of another policy than the one that the request expects.
func checkRevision(t *engine.Table, expected *string, takeAway bool) error {
	current := t.Policy.Revision
	if t.Policy.Text == "" {
		current = noPolicy
	}
	switch {
	case takeAway && current == noPolicy:
		return policyNotFound(t.ARN)
	case expected == nil, *expected == current:
		return nil
	case current == noPolicy:
		return policyNotFound("Requested update for policy with revision id " + *expected + ", but no policy is associated to target table " + t.Name.Table + ".")
	case *expected == noPolicy:
		return policyNotFound("Requested policy update expecting none to be present for table " + t.Name.Table + ", but a policy exists with revision id " + current + ".")
	}
	return policyNotFound("Requested update for policy with revision id " + *expected + ", but the policy associated to target table " + t.Name.Table +
		" has revision id " + current + ".")
}

// policyPause is how long a policy stays as it is after a change ("Resource-based policy considerations"), where changes take time
// to be seen at all.
const policyPause = 15 * time.Second

func (s *Service) checkPolicyPause(t *engine.Table, now time.Time) error {
	until := t.Policy.Changed.Add(policyPause)
	if s.transition == instant || t.Policy.Changed.IsZero() || !now.Before(until) {
		return nil
	}
	return dynamodbapi.ThrottlingException("Resource-based policy for table "+t.Name.Table+" modified within the previous 15000 milliseconds. Please try again after "+
		until.Format("2006-01-02T15:04:05.000Z")+".", nil)
}
