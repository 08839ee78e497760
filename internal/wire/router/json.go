package router

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/auth/sigv4"
	"github.com/sealtable/sealtable/internal/strictjson"
	"github.com/sealtable/sealtable/internal/wire"
	"github.com/sealtable/sealtable/internal/wire/awsjson"
)

const jsonDefault = "application/x-amz-json-1.0"

// exchange is a request with what is known of its answer.
type exchange struct {
	req     *wire.Request
	res     *wire.Response
	id      string
	media   string
	dialect awsjson.Dialect
}

// serveJSON answers a request whose target names its operation.
func (r *Router) serveJSON(ctx context.Context, req *wire.Request, res *wire.Response, target []byte) {
	x := exchange{req: req, res: res, media: jsonDefault}
	prefix, operation, _ := awsjson.SplitTarget(target)
	s := r.byTarget[string(prefix)]
	if s != nil {
		x.dialect = s.dialect
	}
	if x.dialect == awsjson.DynamoDB {
		x.id = wire.NewID()
	} else {
		x.id = wire.NewUUID()
	}
	contentType, given := req.Header("content-type")
	media, isJSON := awsjson.MediaType(contentType)
	if isJSON {
		x.media = media
	}
	if given && !isJSON || req.Method() != "POST" {
		noProtocol(res)
		return
	}
	if s == nil {
		r.refuseTarget(&x)
		return
	}
	name, ok := s.operations[string(operation)]
	if !ok {
		x.failJSON(awsjson.UnknownOperation())
		return
	}
	scope, credential, err := r.options.Verifier.Verify(req)
	if err == nil && scope.Service != s.info.Name {
		err = sigv4.WrongService(s.info.Name)
	}
	if err == nil {
		err = r.place(&scope, credential)
	}
	if err != nil {
		refusal := asRefusal(err)
		x.failJSON(&api.Error{Code: refusal.JSONCode(), Message: refusal.Message})
		return
	}
	r.callJSON(ctx, &x, s, name, r.caller(req, scope, credential, x.id))
}

// refuseTarget answers a request whose target no service here has: of another service, whose scope names it,
// or of none.
func (r *Router) refuseTarget(x *exchange) {
	scope, _, err := r.options.Verifier.Verify(x.req)
	if _, known := foreign(scope.Service); err == nil && known && !r.json[scope.Service] {
		x.refuseForeign(scope.Service)
		return
	}
	x.failJSON(awsjson.UnknownOperation())
}

func (r *Router) callJSON(
	ctx context.Context, x *exchange, s *service, operation string, caller *auth.Caller,
) {
	endpoint, ok := r.options.Operations.Lookup(s.info.Name, operation)
	if !ok {
		x.failJSON(unsupported("UnknownOperationException", operation))
		return
	}
	body, done, refusal := r.unpacked.unpack(x.req)
	if refusal != nil {
		x.failJSON(refusal)
		return
	}
	if done != nil {
		defer done()
	}
	reader := r.takeReader(body)
	out, err := r.runJSON(ctx, endpoint, caller, reader, x.res.Body[:0])
	reader.Reset(nil)
	r.readers.Put(reader)
	if err != nil {
		known, ok := awsjson.Explain(err)
		if !ok {
			r.logInternal(caller, s.info.Name, operation, err)
			known = x.dialect.Internal()
		}
		x.failJSON(known)
		return
	}
	x.res.Body = out
	r.packers.compress(x.req, x.res)
	x.finishJSON()
}

// runJSON turns a panic into an error.
func (r *Router) runJSON(
	ctx context.Context, e Endpoint, c *auth.Caller, in *strictjson.Reader, dst []byte,
) (out []byte, err error) {
	defer recovered(&err)
	return e.ServeJSON(ctx, c, in, dst)
}

func recovered(err *error) {
	if v := recover(); v != nil {
		*err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
	}
}

// takeReader returns a reader of the body. An empty body stands for a request without members.
func (r *Router) takeReader(body []byte) *strictjson.Reader {
	reader, ok := r.readers.Get().(*strictjson.Reader)
	if !ok {
		reader = new(strictjson.Reader)
	}
	if len(body) == 0 {
		body = []byte("{}")
	}
	reader.Reset(body)
	return reader
}

func (r *Router) logInternal(caller *auth.Caller, service, operation string, err error) {
	r.options.Log.Error("a request failed", "request", caller.RequestID, "service", service, "operation",
		operation, "error", err)
}

// unsupported is the answer to an operation that AWS has and this server has not: never a 5xx, which clients
// retry.
func unsupported(code, operation string) *api.Error {
	return &api.Error{Code: code, Message: "The operation " + operation + " is not supported."}
}

func (x *exchange) failJSON(e *api.Error) {
	x.res.Status = 400
	if e.Status != 0 {
		x.res.Status = e.Status
	}
	x.res.Body = x.dialect.AppendError(x.res.Body[:0], e)
	x.finishJSON()
}

func (x *exchange) finishJSON() {
	x.res.SetHeader("Content-Type", x.media)
	x.res.SetHeader("X-Amzn-Requestid", x.id)
	if x.dialect == awsjson.DynamoDB {
		wire.SetChecksum(x.res)
	}
}
