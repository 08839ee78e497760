package instance

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"
)

// The types of errors that Lambda itself reports.
const (
	timedOut    = "Sandbox.Timedout"
	exited      = "Runtime.ExitError"
	outOfMemory = "Runtime.OutOfMemory"
	tooLarge    = "Function.ResponseSizeTooLarge"
)

// MaxResponseBytes is Lambda's limit of a synchronous answer: 6 MB and 100 bytes.
const MaxResponseBytes = 6_291_556

// finish writes the last lines of an invocation and makes its result.
func (i *Instance) finish(p *pending, a answer, took time.Duration, first bool) Result {
	i.mu.Lock()
	if i.current == p {
		i.current = nil
	}
	i.mu.Unlock()
	i.measure()
	if a.failed && a.payload == nil {
		a.payload = i.describe(p, a)
	}
	i.log.catchUp()
	if a.errType == timedOut {
		i.log.line(fmt.Sprintf("%s %s Task timed out after %.2f seconds",
			i.o.Now().UTC().Format("2006-01-02T15:04:05.000Z"),
			p.RequestID, i.f.Timeout.Seconds()))
		i.log.line("")
	}
	i.log.line("END RequestId: " + p.RequestID)
	i.log.line(i.report(p, a, took, first))
	i.reported = true
	r := Result{Payload: a.payload, Tail: i.log.end(), Usable: true}
	if a.failed {
		r.FunctionError = "Unhandled"
	}
	select {
	case <-i.sandbox.Done():
		r.Usable = false
	default:
	}
	return r
}

// describe is the body of an error that the program did not describe itself.
func (i *Instance) describe(p *pending, a answer) []byte {
	description := struct {
		ErrorType    string `json:"errorType"`
		ErrorMessage string `json:"errorMessage"`
	}{ErrorType: a.errType}
	switch a.errType {
	case timedOut:
		description.ErrorMessage = fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds",
			p.RequestID,
			i.f.Timeout.Seconds())
	case tooLarge:
		return fmt.Appendf(nil,
			`{"errorMessage":"Response payload size exceeded maximum allowed payload size (%d bytes).",`+
				`"errorType":"%s"}`, MaxResponseBytes, tooLarge)
	default:
		description.ErrorType = exited
		description.ErrorMessage = "RequestId: " + p.RequestID + " Error: " + i.lastWords(a)
	}
	body, _ := json.Marshal(description)
	return body
}

func (i *Instance) lastWords(a answer) string {
	how := i.sandbox.Ended()
	if a.errType == outOfMemory {
		how = "signal: killed"
	}
	if how == "" {
		return "Runtime exited without providing a reason"
	}
	return "Runtime exited with error: " + how
}

// report is the REPORT line. Durations are in milliseconds with two decimals; what is billed is whole ones.
func (i *Instance) report(p *pending, a answer, took time.Duration, first bool) string {
	var b strings.Builder
	milliseconds := float64(took.Microseconds()) / 1000
	billed := math.Ceil(milliseconds)
	if a.errType == timedOut {
		milliseconds = float64(i.f.Timeout.Milliseconds())
		billed = milliseconds
	}
	fmt.Fprintf(&b, "REPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %.0f ms\tMemory Size: %d "+
		"MB\tMax Memory Used: %d MB\t",
		p.RequestID, milliseconds, billed, i.f.MemoryMiB, min((i.memory+1<<20-1)>>20, i.f.MemoryMiB))
	if first && i.started > 0 {
		fmt.Fprintf(&b, "Init Duration: %.2f ms\t", float64(i.started.Microseconds())/1000)
	}
	switch {
	case a.errType == timedOut:
		b.WriteString("Status: timeout")
	case a.errType == exited || a.errType == outOfMemory:
		b.WriteString("Status: error\tError Type: " + a.errType)
	}
	return b.String()
}
