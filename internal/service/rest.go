package service

import (
	"context"
	"errors"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/strictjson"
)

var errNotREST = errors.New("the operation is of no REST service")

// ServeREST reads the input from where the model says that its members stand, invokes the operation and gives
// the answer, whose body is appended to dst.
func (e *Endpoint[In, Out]) ServeREST(
	ctx context.Context, caller *auth.Caller, req api.RESTRequest, dst []byte,
) (api.RESTAnswer, error) {
	b := e.op.HTTP
	if b == nil {
		return api.RESTAnswer{}, errNotREST
	}
	in := new(In)
	if err := e.readREST(req, in); err != nil {
		return api.RESTAnswer{}, e.unreadable(caller, err)
	}
	out, err := e.Call(ctx, caller, in)
	if err != nil {
		return api.RESTAnswer{}, err
	}
	answer := api.RESTAnswer{Status: b.Status, Raw: b.Raw, Body: e.op.Append(dst, out)}
	if b.StatusOf != nil {
		if status := b.StatusOf(out); status != 0 {
			answer.Status = status
		}
	}
	if b.Headers != nil {
		b.Headers(out, func(name, value string) {
			answer.Headers = append(answer.Headers, [2]string{name, value})
		})
	}
	return answer, nil
}

func (e *Endpoint[In, Out]) readREST(req api.RESTRequest, in *In) error {
	b := e.op.HTTP
	switch body := req.Body(); {
	case b.ReadBody != nil:
		b.ReadBody(in, body)
	case e.op.Read != nil && len(body) > 0:
		r := strictjson.NewReader(body)
		if err := e.op.Read(r, in); err != nil {
			return err
		}
		if err := r.End(); err != nil {
			return err
		}
	}
	for _, p := range b.Params {
		if values := req.Values(p); values != nil {
			if err := b.Set(in, p, values); err != nil {
				return err
			}
		}
	}
	return nil
}
