package deploy

import "context"

// CancelUpdate ends an update before its time: what it changed is changed back.
func (e *Engine) CancelUpdate(ctx context.Context, scope Scope, stack, token string) error {
	h := e.find(scope, stack)
	if h == nil {
		return refuse("Stack [%s] does not exist", stack)
	}
	return e.commit(ctx, h, func(c *change) error {
		if c.Stack.Status != UpdateInProgress || c.Operation == nil {
			return refuse("CancelUpdateStack cannot be called from current stack status")
		}
		op := *c.Operation
		op.Cancelled = true
		if token != "" {
			op.Token = token
		}
		c.Operation = &op
		return nil
	})
}

// ContinueUpdateRollback tries a rollback of an update again that failed, without the resources in skip.
func (e *Engine) ContinueUpdateRollback(ctx context.Context, r *Request, skip []string) error {
	return e.resume(ctx, r, func(c *change, op *Operation, resources map[string]*Resource) error {
		if c.Stack.Status != UpdateRollbackFailed {
			return refuse("Stack:%s is in %s state and can not continue update rollback.", c.ID,
				c.Stack.Status)
		}
		for _, id := range skip {
			one := resources[id]
			if one == nil || !one.Status.Failed() {
				return refuse("The following resource(s) could not be skipped: [%s]", id)
			}
		}
		op.Kind = UpdateRollback
		op.Skip = skip
		c.note(UpdateRollbackInProgress, "User Initiated")
		return nil
	})
}

// RollbackStack takes back a creation or an update that failed and was left as it was.
func (e *Engine) RollbackStack(ctx context.Context, r *Request) error {
	return e.resume(ctx, r, func(c *change, op *Operation, _ map[string]*Resource) error {
		switch c.Stack.Status {
		case CreateFailed:
			op.Kind = Rollback
			c.note(RollbackInProgress, "User Initiated")
		case UpdateFailed:
			op.Kind = UpdateRollback
			c.note(UpdateRollbackInProgress, "User Initiated")
		default:
			return refuse("Stack:%s is in %s state and can not be rolled back.", c.ID, c.Stack.Status)
		}
		return nil
	})
}

// resume gives a stack an operation that goes on from where an earlier one ended.
func (e *Engine) resume(
	ctx context.Context, r *Request, start func(*change, *Operation, map[string]*Resource) error,
) error {
	h := e.find(r.Scope, r.Name)
	if h == nil {
		return refuse("Stack [%s] does not exist", r.Name)
	}
	caller, err := e.o.Callers.Keep(r.Caller)
	if err != nil {
		return err
	}
	err = e.commit(ctx, h, func(c *change) error {
		op := &Operation{ID: e.o.NewID(), Caller: caller, Token: r.Token, Settings: c.Settings,
			Parameters: c.Parameters}
		c.Operation = op
		return start(c, op, h.resources)
	})
	if err != nil {
		return err
	}
	e.employ(h)
	return nil
}

// SetProtection protects a stack from deletion, or does not any more, and returns its ARN.
func (e *Engine) SetProtection(ctx context.Context, scope Scope, stack string, protect bool) (string, error) {
	h := e.find(scope, stack)
	if h == nil {
		return "", refuse("Stack [%s] does not exist", stack)
	}
	s, _ := h.now()
	return s.ID, e.commit(ctx, h, func(c *change) error {
		if c.Stack.Status == DeleteComplete {
			return refuse("Stack [%s] does not exist", stack)
		}
		c.Protected = protect
		return nil
	})
}

// SetPolicy gives a stack its policy. It can be replaced, and never taken away.
func (e *Engine) SetPolicy(ctx context.Context, scope Scope, stack, text string) error {
	p, err := parsePolicy(text)
	if err != nil {
		return err
	}
	if p == nil {
		return errPolicy()
	}
	h := e.find(scope, stack)
	if h == nil {
		return refuse("Stack [%s] does not exist", stack)
	}
	return e.commit(ctx, h, func(c *change) error {
		c.Policy = text
		return nil
	})
}
