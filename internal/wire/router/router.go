// Package router finds out for whom a request is, who made it and in which protocol, and calls the operation.
//
// Callers may rely on this: an operation is called only with a Caller whose signature was verified for
// exactly this service and region (or which is admitted by the rule of `dev`); service and region come from
// the credential scope, never from the host name. Every answer has the shape of the protocol that the request
// speaks, and carries the request id that the Caller has. An error that is not meant for clients, and a
// panic, become an internal error without any detail, and are logged under that id.
package router

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/arn"
	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/auth/sigv4"
	"github.com/sealtable/sealtable/internal/pages"
	"github.com/sealtable/sealtable/internal/strictjson"
	"github.com/sealtable/sealtable/internal/wire"
	"github.com/sealtable/sealtable/internal/wire/awsjson"
	"github.com/sealtable/sealtable/internal/wire/restjson"
)

// Endpoint is one operation. Both methods append the whole body of the answer to dst.
type Endpoint interface {
	ServeJSON(ctx context.Context, caller *auth.Caller, r *strictjson.Reader, dst []byte) ([]byte, error)
	ServeForm(ctx context.Context, caller *auth.Caller, form *api.Form, dst []byte) ([]byte, error)
}

// Operations finds endpoints. service is a name in credential scopes.
type Operations interface {
	Lookup(service, operation string) (Endpoint, bool)
}

// REST answers the requests of one service that speaks none of the protocols that the router knows.
type REST interface {
	ServeREST(ctx context.Context, caller *auth.Caller, req *wire.Request, res *wire.Response)
}

// Mount gives the requests for a path to a handler without asking who made them. A path that ends in a slash
// stands for all paths below it.
type Mount struct {
	Path    string
	Handler wire.Handler
}

// Options are the parts that a router connects.
type Options struct {
	Services   []api.ServiceInfo
	Operations Operations
	Verifier   *sigv4.Verifier
	// Pages says which web pages may call and read the answers; nil lets all, as DynamoDB does.
	Pages  *pages.Guard
	REST   map[string]REST // by the name in credential scopes
	Mounts []Mount
	// Unsigned names the service of a query action that needs no signature, such as
	// AssumeRoleWithWebIdentity. Its caller has no identity and no region. It may be nil.
	Unsigned func(action string) (service string, ok bool)
	Log      *slog.Logger
}

// Router is a wire.Handler. It is safe for concurrent use.
type Router struct {
	options  Options
	byTarget map[string]*service // JSON services
	byScope  map[string]*service // query services
	json     map[string]bool     // scopes of JSON services
	rest     map[string]*restService
	agents   internTable
	hosts    internTable
	readers  sync.Pool
	unpacked unpacking
	packers  compressors
}

// service is a service as the router sees it.
type service struct {
	info       api.ServiceInfo
	dialect    awsjson.Dialect
	operations map[string]string // its operations' names
}

// New returns a router.
func New(o Options) *Router {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	r := &Router{options: o, byTarget: map[string]*service{}, byScope: map[string]*service{},
		json: map[string]bool{}, rest: map[string]*restService{}}
	for _, info := range o.Services {
		s := &service{info: info, dialect: dialectOf(info), operations: map[string]string{}}
		for _, operation := range info.Operations {
			s.operations[operation.Name] = operation.Name
		}
		switch info.Protocol {
		case api.JSON:
			r.byTarget[info.TargetPrefix] = s
			r.json[info.Name] = true
		case api.Query:
			r.byScope[info.Name] = s
		case api.RESTJSON:
			r.rest[info.Name] = &restService{info.Name, restjson.NewRoutes(info)}
		}
	}
	return r
}

func dialectOf(info api.ServiceInfo) awsjson.Dialect {
	switch info.TargetPrefix {
	case "DynamoDB_20120810", "DynamoDBStreams_20120810":
		return awsjson.DynamoDB
	case "TrentService":
		return awsjson.KMS
	}
	return awsjson.Plain
}

// Serve answers one request.
func (r *Router) Serve(ctx context.Context, req *wire.Request, res *wire.Response) {
	if h := r.mounted(req.Path()); h != nil {
		h.Serve(ctx, req, res)
		return
	}
	r.dispatch(ctx, req, res)
	r.allowOrigin(req, res)
}

func (r *Router) dispatch(ctx context.Context, req *wire.Request, res *wire.Response) {
	if req.Method() == "OPTIONS" {
		r.preflight(req, res)
		return
	}
	if isVisit(req) {
		r.visit(req, res)
		return
	}
	if protocol, ok := req.Header("smithy-protocol"); ok && !bytes.HasPrefix(protocol, []byte("awsJson")) {
		x := exchange{req: req, res: res, id: wire.NewUUID()}
		x.failCBOR(&api.Error{Code: "UnknownOperationException", Message: "The protocol of the header " +
			"smithy-protocol is not supported here. Use AWS JSON or AWS query."})
		return
	}
	if target, ok := req.Header("x-amz-target"); ok {
		r.serveJSON(ctx, req, res, target)
		return
	}
	r.serveScoped(ctx, req, res)
}

func (r *Router) mounted(path []byte) wire.Handler {
	for _, m := range r.options.Mounts {
		if string(path) == m.Path || strings.HasSuffix(m.Path, "/") && bytes.HasPrefix(path, []byte(m.Path)) {
			return m.Handler
		}
	}
	return nil
}

// serveScoped answers a request that only its credential scope gives to a service.
func (r *Router) serveScoped(ctx context.Context, req *wire.Request, res *wire.Response) {
	scope, credential, err := r.options.Verifier.Verify(req)
	if err != nil {
		r.refuseScoped(ctx, req, res, err)
		return
	}
	id := wire.NewUUID()
	s, isQuery := r.byScope[scope.Service]
	other, isOther := r.options.REST[scope.Service]
	rest, isREST := r.rest[scope.Service]
	if err = r.place(&scope, credential); err != nil && (isQuery || isREST || isOther) {
		r.refuseScoped(ctx, req, res, err)
		return
	}
	if isQuery {
		r.serveForm(ctx, req, res, s, r.caller(req, scope, credential, id))
		return
	}
	if isOther {
		res.SetHeader("X-Amzn-Requestid", id)
		other.ServeREST(ctx, r.caller(req, scope, credential, id), req, res)
		return
	}
	if isREST {
		r.serveREST(ctx, req, res, rest, r.caller(req, scope, credential, id))
		return
	}
	x := exchange{req: req, res: res, id: id, media: jsonDefault}
	if r.json[scope.Service] {
		x.failJSON(awsjson.UnknownOperation())
		return
	}
	x.refuseForeign(scope.Service)
}

// place refuses a request to a global service that is signed for another region than the one which these
// services belong to: there is no other that it could be about.
func (r *Router) place(scope *sigv4.Scope, credential sigv4.Credential) error {
	if !arn.IsGlobal(scope.Service) || scope.Region == arn.GlobalRegion {
		return nil
	}
	if !r.options.Verifier.Admission().InAnyRegion(credential.Caller) {
		return sigv4.WrongRegion(scope.Region)
	}
	scope.Region = arn.GlobalRegion
	return nil
}

// refuseScoped answers a request without a valid signature in the protocol that it seems to speak.
func (r *Router) refuseScoped(ctx context.Context, req *wire.Request, res *wire.Response, err error) {
	x := exchange{req: req, res: res, id: wire.NewUUID(), media: jsonDefault}
	refusal := asRefusal(err)
	if !looksLikeForm(req) {
		x.failJSON(&api.Error{Code: refusal.JSONCode(), Message: refusal.Message})
		return
	}
	if refusal.Reason == sigv4.Missing && r.serveUnsigned(ctx, &x) {
		return
	}
	code, status := refusal.QueryCode()
	x.failXML(&api.Error{Code: code, Status: status, Message: strings.TrimSuffix(refusal.Message, " ")},
		r.namespace(req))
}

// caller is the identity of the credential with what this request adds.
func (r *Router) caller(
	req *wire.Request, scope sigv4.Scope, credential sigv4.Credential, id string,
) *auth.Caller {
	caller := *credential.Caller
	caller.AccessKeyID = scope.AccessKeyID
	caller.Region = scope.Region
	caller.RequestID = id
	r.addOrigin(&caller, req)
	return &caller
}

func (r *Router) addOrigin(caller *auth.Caller, req *wire.Request) {
	caller.SourceIP, caller.Host = req.RemoteIP(), r.hosts.intern(req.Host())
	caller.TLS = req.Secure()
	if agent, ok := req.Header("user-agent"); ok {
		caller.UserAgent = r.agents.intern(agent)
	}
}

func asRefusal(err error) *sigv4.Error {
	if refusal, ok := err.(*sigv4.Error); ok {
		return refusal
	}
	return &sigv4.Error{Reason: sigv4.Mismatch, Message: "The request could not be verified."}
}
