package dynamodb

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/auth/policy"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/storage"
)

// noPolicy is the ExpectedRevisionId of what has no policy.
const noPolicy = "NO_POLICY"

// compiledPolicies keeps the policies of tables and streams ready to be evaluated. Those without one cost
// nothing.
type compiledPolicies struct {
	known sync.Map // policyOwner → *compiledPolicy
}

type compiledPolicy struct {
	revision string
	policy   *policy.Policy
}

// of is the policy of a table or stream that has one.
func (c *compiledPolicies) of(g *governed) *policy.Policy {
	kept, owner := g.policy(), g.owner()
	if known, ok := c.known.Load(owner); ok {
		if compiled := known.(*compiledPolicy); compiled.revision == kept.Revision {
			return compiled.policy
		}
	}
	compiled, err := policy.Parse([]byte(kept.Text), policy.Resource)
	if err != nil {
		compiled = denyEverybody() // written by a program that knows more than this one
	}
	c.forgetStreams(g.table)
	c.known.Store(owner, &compiledPolicy{kept.Revision, compiled})
	return compiled
}

// forget lets go of the policies of a table that is gone, and of its streams.
func (c *compiledPolicies) forget(id storage.TableID) {
	c.forgetStreams(&engine.Table{ID: id})
	c.known.Delete(policyOwner{table: id})
}

// forgetStreams lets go of the policies of streams that a table does not have any more.
func (c *compiledPolicies) forgetStreams(t *engine.Table) {
	c.known.Range(func(key, _ any) bool {
		owner := key.(policyOwner)
		gone := !slices.ContainsFunc(t.Streams, func(s engine.Stream) bool {
			return s.Number == owner.stream
		})
		if owner.table == t.ID && owner.stream > 0 && gone {
			c.known.Delete(owner)
		}
		return true
	})
}

// denyEverybody stands for a policy that cannot be read.
func denyEverybody() *policy.Policy {
	denied, err := policy.Parse(
		[]byte(
			`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}`,
		), policy.Resource,
	)
	if err != nil {
		return &policy.Policy{} // allows nothing either
	}
	return denied
}

// PolicyOf is the policy that counts when a caller does something to a table and its indexes or, if stream is
// not nil, to that stream of it; nil when none does.
func (s *Service) PolicyOf(
	caller *auth.Caller, action string, t *engine.Table, stream *engine.Stream,
) *policy.Policy {
	g := governed{t, stream}
	if g.policy().Text == "" || !g.heeds(caller, action) {
		return nil
	}
	return s.policies.of(&g)
}

// policyPlan is the plan of an operation on a policy: what has it, or why there is no such thing.
type policyPlan struct {
	governed
	missing error
}

func (s *Service) planPutResourcePolicy(
	_ context.Context, caller *auth.Caller, in *dynamodbapi.PutResourcePolicyInput, needs *auth.Needs,
) (policyPlan, error) {
	needs.Note("policy", *in.Policy)
	return s.needOwn(caller, "dynamodb:PutResourcePolicy", in.ResourceArn, needs)
}

func (s *Service) planGetResourcePolicy(
	_ context.Context, caller *auth.Caller, in *dynamodbapi.GetResourcePolicyInput, needs *auth.Needs,
) (policyPlan, error) {
	return s.needOwn(caller, "dynamodb:GetResourcePolicy", in.ResourceArn, needs)
}

func (s *Service) planDeleteResourcePolicy(
	_ context.Context, caller *auth.Caller, in *dynamodbapi.DeleteResourcePolicyInput, needs *auth.Needs,
) (policyPlan, error) {
	return s.needOwn(caller, "dynamodb:DeleteResourcePolicy", in.ResourceArn, needs)
}

// needOwn is needTagged for requests that only callers of the resource's own account can make.
func (s *Service) needOwn(
	caller *auth.Caller, action string, given *string, needs *auth.Needs,
) (plan policyPlan, err error) {
	name, label, err := policyTarget(caller, given)
	if err != nil {
		return plan, err
	}
	if name.Account != caller.Account {
		return plan, invalid("This action is only supported by accounts that match the resource owner’s " +
			"account.")
	}
	if label == "" {
		of, _, err := s.needTagged(caller, action, given, needs)
		plan.table, plan.missing = of.table, s.governable(&of.target)
		return plan, err
	}
	n := auth.Need{Action: action, Resource: streamARN(name, label)}
	if plan.governed, err = s.governedStream(name, label); err == nil {
		n.Policy = s.PolicyOf(caller, action, plan.table, plan.stream)
	} else {
		plan.missing = streamNotFound(*given)
	}
	needs.Add(n)
	needs.Note("resourceArn", *given)
	return plan, nil
}

func (s *Service) getResourcePolicy(
	_ context.Context, _ *auth.Caller, in *dynamodbapi.GetResourcePolicyInput,
	plan policyPlan,
) (*dynamodbapi.GetResourcePolicyOutput, error) {
	if plan.missing != nil {
		return nil, plan.missing
	}
	g := &plan.governed
	kept := g.policy()
	if kept.Text == "" {
		return nil, policyNotFound(*in.ResourceArn)
	}
	return &dynamodbapi.GetResourcePolicyOutput{Policy: s.shownPolicy(kept), RevisionId: &kept.Revision}, nil
}

func policyNotFound(what string) error {
	return dynamodbapi.PolicyNotFoundException("Resource-based policy not found for the provided " +
		"ResourceArn: " + what)
}

func (s *Service) putResourcePolicy(
	ctx context.Context, caller *auth.Caller, in *dynamodbapi.PutResourcePolicyInput,
	plan policyPlan,
) (*dynamodbapi.PutResourcePolicyOutput, error) {
	document, err := s.readPolicy(*in.Policy, actionsOn(in.ResourceArn))
	if err != nil {
		return nil, err
	}
	if plan.missing != nil {
		return nil, plan.missing
	}
	g := &plan.governed
	if !api.True(in.ConfirmRemoveSelfResourceAccess) {
		if err := s.checkLockout(ctx, caller, document.compiled, g.arn()); err != nil {
			return nil, err
		}
	}
	updated, err := s.changePolicy(ctx, g, in.ExpectedRevisionId, document.text)
	if err != nil {
		return nil, err
	}
	return &dynamodbapi.PutResourcePolicyOutput{RevisionId: &updated.Revision}, nil
}

// checkLockout refuses a policy under which the caller could not change it again.
func (s *Service) checkLockout(
	ctx context.Context, caller *auth.Caller, p *policy.Policy, resource string,
) error {
	var needs auth.Needs
	needs.Add(auth.Need{Action: "dynamodb:PutResourcePolicy", Resource: resource, Policy: p})
	err := s.authorizer.Authorize(ctx, caller, &needs)
	var denied *auth.DeniedError
	if errors.As(err, &denied) {
		return &api.Error{Code: "AccessDeniedException", Message: "The new resource policy will not allow " +
			"you to update the resource policy in the future.", Cause: err}
	}
	return err
}

func (s *Service) deleteResourcePolicy(
	ctx context.Context, _ *auth.Caller, in *dynamodbapi.DeleteResourcePolicyInput,
	plan policyPlan,
) (*dynamodbapi.DeleteResourcePolicyOutput, error) {
	if plan.missing != nil {
		return nil, plan.missing
	}
	g := &plan.governed
	if g.policy().Text == "" && in.ExpectedRevisionId == nil {
		return &dynamodbapi.DeleteResourcePolicyOutput{}, nil
	}
	updated, err := s.changePolicy(ctx, g, in.ExpectedRevisionId, "")
	if err != nil {
		return nil, err
	}
	return &dynamodbapi.DeleteResourcePolicyOutput{RevisionId: &updated.Revision}, nil
}

// changePolicy puts a policy in place of the one of the expected revision; an empty text takes it away.
func (s *Service) changePolicy(
	ctx context.Context, g *governed, expected *string, text string,
) (*engine.ResourcePolicy, error) {
	now := s.clock.Now()
	updated, err := s.engine.UpdateTable(ctx, g.table.Name, func(next *engine.Table) error {
		if err := sameTable(next, g.table); err != nil {
			return err
		}
		changed, err := g.in(next)
		if err != nil {
			return err
		}
		kept := changed.policy()
		if err := changed.checkRevision(expected, text == ""); err != nil {
			return err
		}
		if text != "" && kept.Text != "" && samePolicy(kept.Text, text) {
			return errSamePolicy
		}
		if next.Deleting {
			return tableBusy(next, now)
		}
		if err := s.checkPolicyPause(&changed, now); err != nil {
			return err
		}
		setPolicy(kept, text, now)
		return nil
	})
	if errors.Is(err, errSamePolicy) {
		updated, err = s.engine.Table(g.table.Name)
	}
	if err != nil {
		return nil, refusal(err)
	}
	changed, err := g.in(updated)
	return changed.policy(), err
}

// errSamePolicy leaves a policy as it is that says the same already.
var errSamePolicy = errors.New("the policy says the same already")

// setPolicy writes a policy down. Revisions are times in milliseconds; each is greater than those before it.
func setPolicy(p *engine.ResourcePolicy, text string, now time.Time) {
	revision := now.UnixMilli()
	if before, err := strconv.ParseInt(p.Revision, 10, 64); err == nil && text != "" {
		revision = max(revision, before+1)
	}
	p.Text, p.Changed = text, now
	if text != "" { // what is taken away keeps the revision by which it was known
		p.Revision = strconv.FormatInt(revision, 10)
	}
}

// checkRevision refuses a change of another policy than the one that the request expects.
func (g *governed) checkRevision(expected *string, takeAway bool) error {
	current := g.policy().Revision
	if g.policy().Text == "" {
		current = noPolicy
	}
	switch {
	case takeAway && current == noPolicy:
		return policyNotFound(g.arn())
	case expected == nil, *expected == current:
		return nil
	case current == noPolicy:
		return policyNotFound("Requested update for policy with revision id " + *expected +
			", but no policy is associated to target " + g.called() + ".")
	case *expected == noPolicy:
		return policyNotFound("Requested policy update expecting none to be present for " + g.called() +
			", but a policy exists with revision id " + current + ".")
	}
	return policyNotFound("Requested update for policy with revision id " + *expected +
		", but the policy associated to target " + g.called() +
		" has revision id " + current + ".")
}

// policyPause is how long a policy stays as it is after a change ("Resource-based policy considerations"),
// where changes take time to be seen at all.
const policyPause = 15 * time.Second

func (s *Service) checkPolicyPause(g *governed, now time.Time) error {
	changed := g.policy().Changed
	until := changed.Add(policyPause)
	if s.transition == instant || changed.IsZero() || !now.Before(until) {
		return nil
	}
	return dynamodbapi.ThrottlingException("Resource-based policy for "+g.called()+
		" modified within the previous 15000 milliseconds. Please try again after "+
		until.Format("2006-01-02T15:04:05.000Z")+".", nil)
}
