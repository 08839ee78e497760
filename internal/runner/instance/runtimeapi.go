package instance

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// The Runtime API ("Using the Lambda runtime API for custom runtimes").

// routes are the paths that a runtime calls.
func (i *Instance) routes() http.Handler {
	mux := http.NewServeMux()
	const base = "/2018-06-01/runtime"
	mux.HandleFunc("GET "+base+"/invocation/next", i.next)
	mux.HandleFunc("POST "+base+"/invocation/{id}/response", i.response)
	mux.HandleFunc("POST "+base+"/invocation/{id}/error", i.invocationError)
	mux.HandleFunc("POST "+base+"/init/error", i.initError)
	return mux
}

// next gives the program its next event, once there is one.
func (i *Instance) next(w http.ResponseWriter, r *http.Request) {
	i.becomeReady()
	i.mu.Lock()
	busy := i.current != nil
	i.mu.Unlock()
	if busy {
		refuse(w, http.StatusBadRequest, "InvalidStateTransition",
			"Transition from InvocationResponse to Ready is not allowed")
		return
	}
	select {
	case p := <-i.work:
		i.mu.Lock()
		i.current = p
		i.mu.Unlock()
		writeEvent(w, p)
	case <-r.Context().Done():
	case <-i.sandbox.Done():
	}
}

func (i *Instance) becomeReady() {
	i.mu.Lock()
	defer i.mu.Unlock()
	select {
	case <-i.ready:
	default:
		i.started = time.Since(i.began)
		close(i.ready)
	}
}

func writeEvent(w http.ResponseWriter, p *pending) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Lambda-Runtime-Aws-Request-Id", p.RequestID)
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(p.deadline.UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", p.ARN)
	if p.TraceID != "" {
		h.Set("Lambda-Runtime-Trace-Id", p.TraceID)
	}
	if p.ClientContext != "" {
		h.Set("Lambda-Runtime-Client-Context", p.ClientContext)
	}
	_, _ = w.Write(p.Payload)
}

// held returns the event that a request names, or refuses the request.
func (i *Instance) held(w http.ResponseWriter, r *http.Request) *pending {
	i.mu.Lock()
	p := i.current
	i.mu.Unlock()
	if p == nil || p.RequestID != r.PathValue("id") {
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
		return nil
	}
	return p
}

// settle ends the event that the program has.
func (i *Instance) settle(p *pending, a answer) {
	i.mu.Lock()
	if i.current == p {
		i.current = nil
	}
	i.mu.Unlock()
	p.finish(a)
}

func (i *Instance) response(w http.ResponseWriter, r *http.Request) {
	p := i.held(w, r)
	if p == nil {
		return
	}
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxResponseBytes))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		i.settle(p, answer{errType: tooLarge, failed: true})
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge",
			fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", MaxResponseBytes))
	case err != nil:
		refuse(w, http.StatusBadRequest, "InvalidRequest", "the body could not be read")
	default:
		i.settle(p, answer{payload: payload})
		accept(w)
	}
}

// maxErrorBytes bounds what a program says about its error: a stack trace of some depth.
const maxErrorBytes = 1 << 20

func (i *Instance) invocationError(w http.ResponseWriter, r *http.Request) {
	p := i.held(w, r)
	if p == nil {
		return
	}
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxErrorBytes))
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge",
			"the description of the error is too long")
		return
	}
	i.settle(p, answer{payload: payload, errType: errorType(r), failed: true})
	accept(w)
}

// initError is how a program says that it can't start. It ends afterwards, and its next invocation gets the
// error.
func (i *Instance) initError(w http.ResponseWriter, r *http.Request) {
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxErrorBytes))
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge",
			"the description of the error is too long")
		return
	}
	i.mu.Lock()
	i.failed = payload
	i.errType = errorType(r)
	i.mu.Unlock()
	accept(w)
}

func errorType(r *http.Request) string {
	if given := r.Header.Get("Lambda-Runtime-Function-Error-Type"); given != "" {
		return given
	}
	return "Unhandled"
}

func accept(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`+"\n")
}

func refuse(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"errorMessage":%q,"errorType":%q}`+"\n", message, kind)
}
