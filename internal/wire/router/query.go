package router

import (
	"bytes"
	"context"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/wire"
	"github.com/sealtable/sealtable/internal/wire/awsquery"
)

// looksLikeForm says whether a request speaks the query protocol, as far as can be told without its scope.
func looksLikeForm(req *wire.Request) bool {
	contentType, _ := req.Header("content-type")
	return bytes.HasPrefix(contentType, []byte("application/x-www-form-urlencoded")) ||
		bytes.Contains(req.Query(), []byte("Action="))
}

// serveForm answers a request of the query protocol.
func (r *Router) serveForm(
	ctx context.Context, req *wire.Request, res *wire.Response, s *service, caller *auth.Caller,
) {
	x := exchange{req: req, res: res, id: caller.RequestID}
	form, ok := x.parseForm(s.info.XMLNamespace)
	if ok {
		r.callForm(ctx, &x, s, form, caller)
	}
}

func (x *exchange) parseForm(namespace string) (form awsquery.Request, ok bool) {
	var body []byte
	switch x.req.Method() {
	case "POST":
		body = x.req.Body()
	case "GET":
	default:
		x.failXML(&api.Error{Code: "InvalidAction", Status: 405, Message: "Use GET or POST."}, namespace)
		return form, false
	}
	form, err := awsquery.Parse(x.req.Query(), body)
	if err != nil {
		known, ok := awsquery.Explain(err)
		if !ok {
			known = awsquery.Internal()
		}
		x.failXML(known, namespace)
		return form, false
	}
	return form, true
}

func (r *Router) callForm(
	ctx context.Context, x *exchange, s *service, form awsquery.Request, caller *auth.Caller,
) {
	namespace := s.info.XMLNamespace
	if _, known := s.operations[form.Action]; !known || form.Version != s.info.APIVersion {
		x.failXML(awsquery.InvalidAction(form.Action, form.Version), namespace)
		return
	}
	endpoint, ok := r.options.Operations.Lookup(s.info.Name, form.Action)
	if !ok {
		x.failXML(unsupported("InvalidAction", form.Action), namespace)
		return
	}
	out, err := r.runForm(ctx, endpoint, caller, form.Form, x.res.Body[:0])
	if err != nil {
		known, ok := awsquery.Explain(err)
		if !ok {
			r.logInternal(caller, s.info.Name, form.Action, err)
			known = awsquery.Internal()
		}
		x.failXML(known, namespace)
		return
	}
	x.res.Body = out
	x.finishXML()
}

// runForm turns a panic into an error.
func (r *Router) runForm(
	ctx context.Context, e Endpoint, c *auth.Caller, form *api.Form, dst []byte,
) (out []byte, err error) {
	defer recovered(&err)
	return e.ServeForm(ctx, c, form, dst)
}

// namespace is that of the query service whose version a request names, empty for none. It is for requests
// whose scope says nothing that can be relied on.
func (r *Router) namespace(req *wire.Request) string {
	body := req.Body()[:min(len(req.Body()), 64<<10)]
	for _, s := range r.byScope {
		version := []byte("Version=" + s.info.APIVersion)
		if bytes.Contains(body, version) || bytes.Contains(req.Query(), version) {
			return s.info.XMLNamespace
		}
	}
	return ""
}

// serveUnsigned answers an action that needs no signature, and says whether it was one.
func (r *Router) serveUnsigned(ctx context.Context, x *exchange) bool {
	if r.options.Unsigned == nil {
		return false
	}
	form, err := awsquery.Parse(x.req.Query(), x.req.Body())
	if err != nil {
		return false
	}
	name, ok := r.options.Unsigned(form.Action)
	s := r.byScope[name]
	if !ok || s == nil {
		return false
	}
	caller := &auth.Caller{RequestID: x.id}
	r.addOrigin(caller, x.req)
	r.callForm(ctx, x, s, form, caller)
	return true
}

func (x *exchange) failXML(e *api.Error, namespace string) {
	x.res.Status = 400
	if e.Status != 0 {
		x.res.Status = e.Status
	}
	x.res.Body = api.XMLError(x.res.Body[:0], namespace, x.id, e)
	x.finishXML()
}

func (x *exchange) finishXML() {
	x.res.SetHeader("Content-Type", "text/xml")
	x.res.SetHeader("X-Amzn-Requestid", x.id)
}
