// Package instance is one execution environment of a function: a sandbox, the Runtime API that its program
// talks to, one invocation at a time, and the log of what happened.
//
// Callers may rely on this. Every invocation ends in a Result, whatever the program does: answers, answers
// with an error, answers too much, never answers, asks for the next event without answering, takes too much
// memory, or ends. After a time-out or an end the instance is gone and is never used again. The lines that
// Lambda itself writes to a log (START, END, REPORT and the like) are in the order and form of Lambda's, and
// what the program printed during an invocation stands between them.
package instance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/sealtable/sealtable/internal/runner"
)

// A Function says what to run.
type Function struct {
	// Name, Version and ARN are of the version that runs; the ARN is without a qualifier.
	Name, Version string
	// Runtime is the identifier of the runtime, such as python3.13, for the log.
	Runtime string
	// MemoryMiB is the most resident memory of all its processes together.
	MemoryMiB int64
	// Timeout is how long an invocation may take, without the start of the program.
	Timeout time.Duration
	// Program is how to start it. Its Output is the instance's to set.
	Program runner.Program
}

// Options are what instances work with.
type Options struct {
	Runner *runner.Runner
	// Serve answers the connections that the function makes to this server's services, until the listener
	// closes.
	Serve func(net.Listener)
	// StartTimeout is how long a program may take from its start to its first request for an event. Lambda's
	// is 10 s.
	StartTimeout time.Duration
	// Now is the time of lines in the log.
	Now func() time.Time
	Log *slog.Logger
}

// Lines gets the log of an instance, line by line, without line ends. It must not block for long.
type Lines interface {
	Line(at time.Time, text string)
}

// An Invocation is one event for the program.
type Invocation struct {
	RequestID string
	// ARN is the function's as the caller named it.
	ARN     string
	Payload []byte
	// ClientContext and TraceID are passed on, if not empty.
	ClientContext, TraceID string
}

// A Result is what an invocation ended in.
type Result struct {
	// Payload is what the program answered, or a description of its error.
	Payload []byte
	// FunctionError is "Unhandled" after an error, else empty.
	FunctionError string
	// Tail is the end of the invocation's log, at most 4 KiB.
	Tail []byte
	// Usable reports whether the instance can take another invocation.
	Usable bool
}

// An Instance takes one invocation at a time.
type Instance struct {
	o       Options
	f       Function
	sandbox *runner.Sandbox
	api     *http.Server
	log     *journal

	ready chan struct{} // closed at the first request for an event
	work  chan *pending

	mu      sync.Mutex
	current *pending // the event that the program has, nil between events
	failed  []byte   // what the program said when it failed to start
	errType string

	began    time.Time // of the program
	started  time.Duration
	reported bool  // whether the time of the start was in a REPORT
	memory   int64 // the most that was seen, in bytes
}

// pending is an invocation that has no result yet.
type pending struct {
	Invocation
	deadline time.Time
	once     sync.Once
	done     chan answer
}

// answer is what the program said about an invocation.
type answer struct {
	payload []byte
	errType string // of an error, empty after success
	failed  bool
}

func (p *pending) finish(a answer) {
	p.once.Do(func() { p.done <- a })
}

// Start starts a program. It returns as soon as the program runs, before it asks for an event.
func Start(o Options, f Function, lines Lines) (*Instance, error) {
	i := &Instance{o: o, f: f, ready: make(chan struct{}), work: make(chan *pending), began: time.Now()}
	var err error
	if i.log, err = newJournal(lines, o.Now); err != nil {
		return nil, err
	}
	i.log.line(fmt.Sprintf("INIT_START Runtime Version: %s\tRuntime Version ARN: ", f.Runtime))
	program := f.Program
	program.Output = i.log.w
	if i.sandbox, err = o.Runner.Start(program); err != nil {
		i.log.close()
		return nil, err
	}
	i.api = &http.Server{Handler: i.routes(), ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug)}
	go func() { _ = i.api.Serve(i.sandbox.Runtime) }()
	go o.Serve(i.sandbox.Service)
	go func() {
		<-i.sandbox.Done()
		_ = i.api.Close()
		i.log.close()
	}()
	return i, nil
}

// Close ends the instance and all its processes.
func (i *Instance) Close() { i.sandbox.Close() }

// Done is closed when the instance has ended.
func (i *Instance) Done() <-chan struct{} { return i.sandbox.Done() }

// ErrBusy is the error of an invocation of an instance that has one already.
var ErrBusy = errors.New("the instance has an invocation already")

// Invoke hands an event to the program and returns what came of it. An error is the caller's mistake or the
// end of ctx; whatever the program does is a Result.
func (i *Instance) Invoke(ctx context.Context, in Invocation) (Result, error) {
	p := &pending{Invocation: in, done: make(chan answer, 1)}
	first := !i.reported
	failure := i.awaitStart(ctx)
	if err := ctx.Err(); err != nil {
		i.Close()
		return Result{}, err
	}
	i.log.begin()
	i.log.line(fmt.Sprintf("START RequestId: %s Version: %s", in.RequestID, i.f.Version))
	begun := time.Now()
	if failure == nil {
		failure = i.hand(ctx, p)
	}
	return i.finish(p, *failure, time.Since(begun), first), ctx.Err()
}

// awaitStart waits until the program asks for its first event. It returns the answer to the invocation if it
// never will.
func (i *Instance) awaitStart(ctx context.Context) *answer {
	limit := time.NewTimer(i.o.StartTimeout)
	defer limit.Stop()
	select {
	case <-i.ready:
		return nil
	case <-ctx.Done():
		return nil
	case <-limit.C:
		i.Close()
		return &answer{errType: timedOut, failed: true}
	case <-i.sandbox.Done():
		return i.ended()
	}
}

// hand gives the event to the program and waits for the answer, the time-out, too much memory, or the end.
func (i *Instance) hand(ctx context.Context, p *pending) *answer {
	p.deadline = time.Now().Add(i.f.Timeout)
	limit := time.NewTimer(i.f.Timeout)
	defer limit.Stop()
	look := time.NewTicker(memoryInterval)
	defer look.Stop()
	work := i.work
	for {
		select {
		case work <- p:
			work = nil
		case a := <-p.done:
			return &a
		case <-limit.C:
			i.Close()
			return &answer{errType: timedOut, failed: true}
		case <-ctx.Done():
			i.Close()
			return &answer{errType: timedOut, failed: true}
		case <-look.C:
			if i.measure() > i.f.MemoryMiB<<20 {
				i.Close()
				return &answer{errType: outOfMemory, failed: true}
			}
		case <-i.sandbox.Done():
			return i.ended()
		}
	}
}

// memoryInterval is how often the memory of a program is looked at while it has an event.
const memoryInterval = 50 * time.Millisecond

// measure returns the memory that the program takes, and what it stores where storage has no bound of its
// own.
func (i *Instance) measure() int64 {
	used := i.sandbox.Memory() + i.sandbox.Stored()
	i.memory = max(i.memory, used)
	return used
}

// ended is the answer of a program that ended instead of answering.
func (i *Instance) ended() *answer {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.failed != nil {
		return &answer{payload: i.failed, errType: i.errType, failed: true}
	}
	return &answer{errType: exited, failed: true}
}
