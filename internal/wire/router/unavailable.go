package router

import (
	"bytes"
	"context"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/wire"
	"github.com/sealtable/sealtable/internal/wire/awsjson"
	"github.com/sealtable/sealtable/internal/wire/awsquery"
)

// Unavailable answers every operation of every service with one error, in the shape of the service's
// protocol, and asks nobody who calls: it is for the time in which signatures cannot be verified. Mounts are
// served.
func Unavailable(services []api.ServiceInfo, mounts []Mount, e *api.Error) wire.Handler {
	r := New(Options{Services: services, Mounts: mounts})
	return wire.HandlerFunc(func(ctx context.Context, req *wire.Request, res *wire.Response) {
		if h := r.mounted(req.Path()); h != nil {
			h.Serve(ctx, req, res)
			return
		}
		if target, ok := req.Header("x-amz-target"); ok {
			r.refuseJSON(req, res, target, e)
			return
		}
		r.refuseForm(req, res, e)
	})
}

func (r *Router) refuseJSON(req *wire.Request, res *wire.Response, target []byte, e *api.Error) {
	x := exchange{req: req, res: res, media: jsonDefault, id: wire.NewUUID()}
	prefix, _, _ := awsjson.SplitTarget(target)
	if s := r.byTarget[string(prefix)]; s != nil {
		x.dialect = s.dialect
	}
	if x.dialect == awsjson.DynamoDB {
		x.id = wire.NewID()
	}
	contentType, _ := req.Header("content-type")
	if media, ok := awsjson.MediaType(contentType); ok {
		x.media = media
	}
	x.failJSON(e)
}

// refuseForm tells the query services by the version that a request names. What is no such request gets the
// shape of the others.
func (r *Router) refuseForm(req *wire.Request, res *wire.Response, e *api.Error) {
	contentType, _ := req.Header("content-type")
	if req.Method() == "GET" || bytes.HasPrefix(contentType, []byte("application/x-www-form-urlencoded")) {
		form, err := awsquery.Parse(req.Query(), req.Body())
		for _, s := range r.byScope {
			if err == nil && s.info.APIVersion == form.Version {
				x := exchange{req: req, res: res, id: wire.NewUUID()}
				x.failXML(e, s.info.XMLNamespace)
				return
			}
		}
	}
	wire.Fail(res, e.Status, e.Code, e.Message)
}
