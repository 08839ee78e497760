package identity

import (
	"context"
	"encoding/json"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sealtable/sealtable/internal/auth"
)

// Use is the last time that a key or a role was used.
type Use struct {
	Account string    `json:"account"`
	Time    time.Time `json:"time"`
	Service string    `json:"service"` // as in credential scopes
	Region  string    `json:"region"`
}

// lastUse follows one key or role. What is written down may be an hour old, and what is known a minute.
type lastUse struct {
	current atomic.Pointer[Use]
	written atomic.Pointer[Use]
}

const (
	useGrain  = time.Minute
	usePeriod = time.Hour
)

// Used notes that a caller used a service.
func (d *Directory) Used(caller *auth.Caller, service string) {
	var id string
	switch {
	case caller.Type == auth.IAMUser && caller.Via == "":
		id = caller.AccessKeyID
		if strings.HasPrefix(id, sessionPrefix) {
			return
		}
	case caller.Type == auth.AssumedRole && caller.Via == "":
		id = roleID(caller.UserID)
	default:
		return
	}
	now := d.now()
	v, ok := d.uses.Load(id)
	if !ok {
		v, _ = d.uses.LoadOrStore(id, &lastUse{})
	}
	use := v.(*lastUse)
	if last := use.current.Load(); last != nil && last.Service == service && last.Region == caller.Region &&
		now.Sub(last.Time) < useGrain {
		return
	}
	use.current.Store(&Use{Account: caller.Account, Time: now, Service: service, Region: caller.Region})
}

// roleID is the role's part of a session's unique id.
func roleID(userID string) string {
	id, _, _ := strings.Cut(userID, ":")
	return id
}

// LastUse is when an access key, or a role by its unique id, was last used; ok is false when it never was.
func (d *Directory) LastUse(id string) (Use, bool) {
	v, ok := d.uses.Load(id)
	if !ok {
		return Use{}, false
	}
	use := v.(*lastUse).current.Load()
	if use == nil {
		return Use{}, false
	}
	return *use, true
}

// flushUses writes down what changed.
func (d *Directory) flushUses(ctx context.Context) error {
	changes := map[string][]byte{}
	flushed := map[*lastUse]*Use{}
	var failed error
	d.uses.Range(func(id, v any) bool {
		last := v.(*lastUse)
		use := last.current.Load()
		if use == nil || use == last.written.Load() {
			return true
		}
		data, err := json.Marshal(use)
		if err != nil {
			failed = err
			return false
		}
		changes[useRecord(id.(string))], flushed[last] = data, use
		return true
	})
	if failed != nil || len(changes) == 0 {
		return failed
	}
	if err := d.config.Records.Write(ctx, changes); err != nil {
		return err
	}
	for last, use := range flushed {
		last.written.Store(use)
	}
	return nil
}
