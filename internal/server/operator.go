package server

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/sealtable/sealtable/internal/strictjson"
	"github.com/sealtable/sealtable/internal/wire"
	"github.com/sealtable/sealtable/internal/wire/router"
)

// operatorPath is where the server answers about itself, without signatures. Nothing below it gives away more
// than its state.
const operatorPath = "/_sealtable/"

func (s *Server) mounts() []router.Mount {
	return []router.Mount{{Path: operatorPath, Handler: wire.HandlerFunc(s.serveOperator)}}
}

func (s *Server) serveOperator(_ context.Context, req *wire.Request, res *wire.Response) {
	path := string(req.Path()[len(operatorPath):])
	switch {
	case path == "health/live" && isRead(req):
		answer(res, http.StatusOK, map[string]any{"status": "live"})
	case path == "health/ready" && isRead(req):
		s.serveReady(res)
	case path == "info" && isRead(req):
		s.serveInfo(res)
	case path == "clock" && s.config.Open:
		s.serveClock(req, res)
	default:
		answer(res, http.StatusNotFound, map[string]any{"message": "there is nothing here"})
	}
}

// serveInfo tells strangers nothing that helps them: the account only where everybody is its root user.
func (s *Server) serveInfo(res *wire.Response) {
	info := map[string]any{"version": s.config.Version, "region": s.config.Region, "dev": s.config.Open}
	if s.config.Open {
		info["account"] = s.config.Account
	}
	answer(res, http.StatusOK, info)
}

func isRead(req *wire.Request) bool {
	return req.Method() == http.MethodGet || req.Method() == http.MethodHead
}

func (s *Server) serveReady(res *wire.Response) {
	if s.sealed.Load() {
		answer(res, http.StatusServiceUnavailable, map[string]any{"status": "sealed"})
		return
	}
	if !s.ready.Load() {
		answer(res, http.StatusServiceUnavailable, map[string]any{"status": "not ready"})
		return
	}
	answer(res, http.StatusOK, map[string]any{"status": "ready"})
}

// maxAdvance bounds one move of the clock: more than any window or period that the services know.
const maxAdvance = 20 * 365 * 24 * time.Hour

// serveClock shows the clock, or moves it forward; it answers when what fell due is done.
func (s *Server) serveClock(req *wire.Request, res *wire.Response) {
	if _, fromPage := req.Header("origin"); fromPage {
		answer(res, http.StatusForbidden, map[string]any{"message": "the clock is not for web pages"})
		return
	}
	if req.Method() == http.MethodPost {
		d, ok := readAdvance(req.Body())
		if !ok || d < 0 || d > maxAdvance {
			answer(res, http.StatusBadRequest,
				map[string]any{
					"message": `the body must be {"advance":"DURATION"}, such as {"advance":"26h"}, of at most 175200h`,
				})
			return
		}
		s.clock.Advance(d)
		s.upkeep.Settle()
		s.recount.settle()
	} else if !isRead(req) {
		answer(res, http.StatusMethodNotAllowed,
			map[string]any{"message": "GET shows the clock, POST moves it"})
		return
	}
	answer(res, http.StatusOK, map[string]any{"now": s.clock.Now().Format(time.RFC3339Nano),
		"offset": s.clock.Offset().String()})
}

func readAdvance(body []byte) (time.Duration, bool) {
	r := strictjson.NewReader(body)
	if r.BeginObject() != nil {
		return 0, false
	}
	name, ok, err := r.NextName()
	if err != nil || !ok || string(name) != "advance" {
		return 0, false
	}
	text, err := r.ReadString()
	if err != nil {
		return 0, false
	}
	d, err := time.ParseDuration(string(text))
	if err != nil {
		return 0, false
	}
	if _, more, err := r.NextName(); more || err != nil || r.End() != nil {
		return 0, false
	}
	return d, true
}

func answer(res *wire.Response, status int, body map[string]any) {
	encoded, err := json.Marshal(body)
	if err != nil { // strings and booleans alone
		status, encoded = http.StatusInternalServerError, nil
	}
	res.Status = status
	res.SetHeader("Content-Type", "application/json")
	res.Body = append(res.Body, append(encoded, '\n')...)
}
