package router

import (
	"bytes"

	"github.com/sealtable/sealtable/internal/wire"
)

// ConsolePath is where the console is mounted.
const ConsolePath = "/_sealtable/console/"

// preflight answers a browser that asks whether a page may call, as DynamoDB does: every page may, since a
// call needs a signature. A server that lets in unknown keys asks Pages.
func (r *Router) preflight(req *wire.Request, res *wire.Response) {
	origin, fromPage := req.Header("origin")
	if !fromPage {
		res.SetHeader("Allow", "GET, HEAD, OPTIONS, POST")
		return
	}
	if !r.welcomes(origin) {
		wire.Fail(res, 403, "AccessDeniedException", "Web pages of this origin may not call this server. "+
			"Start it with --allow-origin to let them.")
		return
	}
	res.SetHeader("Access-Control-Max-Age", "172800")
	for asked, granted := range map[string]string{
		"access-control-request-headers": "Access-Control-Allow-Headers",
		"access-control-request-method":  "Access-Control-Allow-Methods",
	} {
		if value, ok := req.Header(asked); ok {
			res.SetHeaderBytes(granted, value)
		}
	}
}

func (r *Router) welcomes(origin []byte) bool {
	return r.options.Pages == nil || r.options.Pages.Welcomes(string(origin))
}

// allowOrigin lets the page that asked read the answer.
func (r *Router) allowOrigin(req *wire.Request, res *wire.Response) {
	origin, fromPage := req.Header("origin")
	switch {
	case !fromPage:
	case r.options.Pages == nil:
		res.SetHeader("Access-Control-Allow-Origin", "*")
	default:
		res.SetHeader("Vary", "Origin")
		if r.welcomes(origin) {
			res.SetHeaderBytes("Access-Control-Allow-Origin", origin)
		}
	}
}

// isVisit reports whether a request is that of a load balancer, or of a person with a browser, and no call.
func isVisit(req *wire.Request) bool {
	if method := req.Method(); method != "GET" && method != "HEAD" || string(req.Target()) != "/" {
		return false
	}
	_, signed := req.Header("authorization")
	return !signed
}

// visit answers as DynamoDB answers load balancers; people are shown the console.
func (r *Router) visit(req *wire.Request, res *wire.Response) {
	if accept, ok := req.Header("accept"); ok && bytes.Contains(accept, []byte("text/html")) {
		res.Status = 302
		res.SetHeader("Location", ConsolePath)
		return
	}
	res.SetHeader("Content-Type", "text/plain")
	res.SetHeader("X-Amzn-Requestid", wire.NewID())
	res.Body = append(append(append(res.Body, "healthy: "...), req.Host()...), ' ')
	wire.SetChecksum(res)
}

// noProtocol answers what no JSON client sends, as DynamoDB does.
func noProtocol(res *wire.Response) {
	res.Status = 404
	res.SetHeader("X-Amzn-Requestid", wire.NewID())
	res.Body = append(res.Body[:0], "<UnknownOperationException/>\n"...)
	wire.SetChecksum(res)
}
