package router

import (
	"context"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/wire"
	"github.com/sealtable/sealtable/internal/wire/awsjson"
	"github.com/sealtable/sealtable/internal/wire/restjson"
)

// RESTEndpoint is an operation of a REST service. The body of the answer is appended to dst.
type RESTEndpoint interface {
	ServeREST(ctx context.Context, caller *auth.Caller, req api.RESTRequest, dst []byte) (api.RESTAnswer,
		error)
}

// restService is a service whose operations have methods and paths of their own.
type restService struct {
	name   string
	routes *restjson.Routes
}

// serveREST answers a request of the REST protocol with bodies of JSON.
func (r *Router) serveREST(
	ctx context.Context, req *wire.Request, res *wire.Response, s *restService, caller *auth.Caller,
) {
	x := exchange{req: req, res: res, id: caller.RequestID}
	body, done, refusal := r.unpacked.unpack(req)
	if refusal != nil {
		x.failREST(refusal)
		return
	}
	if done != nil {
		defer done()
	}
	found, ok := s.routes.Find(req.Method(), req.Path(), req.Query(), body, req.Header)
	if !ok {
		x.failREST(restjson.UnknownOperation())
		return
	}
	endpoint, ok := r.options.Operations.Lookup(s.name, found.Operation)
	bound, isREST := endpoint.(RESTEndpoint)
	if !ok || !isREST {
		x.failREST(unsupported("UnknownOperationException", found.Operation))
		return
	}
	out, err := runREST(ctx, bound, caller, found, res.Body[:0])
	if err != nil {
		known, ok := awsjson.Explain(err)
		if !ok {
			r.logInternal(caller, s.name, found.Operation, err)
			known = &api.Error{Code: "ServiceException", Status: 500, Message: "Internal server error"}
		}
		x.failREST(known)
		return
	}
	res.Status = out.Status
	res.Body = out.Body
	if !out.Raw && len(out.Body) > 0 {
		res.SetHeader("Content-Type", "application/json")
	}
	for _, h := range out.Headers {
		res.SetHeader(h[0], h[1])
	}
	r.packers.compress(req, res)
	res.SetHeader("X-Amzn-Requestid", x.id)
}

// runREST turns a panic into an error.
func runREST(
	ctx context.Context, e RESTEndpoint, c *auth.Caller, req api.RESTRequest, dst []byte,
) (out api.RESTAnswer, err error) {
	defer recovered(&err)
	return e.ServeREST(ctx, c, req, dst)
}

func (x *exchange) failREST(e *api.Error) {
	x.res.Status = 400
	switch {
	case e.Status != 0:
		x.res.Status = e.Status
	case e.Code == "AccessDeniedException":
		x.res.Status = 403
	}
	x.res.Body = restjson.AppendError(x.res.Body[:0], e)
	x.res.SetHeader("Content-Type", "application/json")
	x.res.SetHeader("X-Amzn-Errortype", e.Code)
	x.res.SetHeader("X-Amzn-Requestid", x.id)
}
