package instance

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"os"
	"strings"
	"sync"
	"time"
)

// A journal is the log of an instance: what the program prints, cut into lines, and the lines of the instance
// itself between them.
//
// The program writes into a pipe. To know that all it has printed so far has been read, the instance writes a
// mark into the same pipe: whoever reads the mark has read what came before. A mark is 16 random bytes in
// hexadecimal, so that no program prints one, and it is shorter than what a pipe takes at once, so that
// nothing comes into it.
type journal struct {
	lines Lines
	now   func() time.Time
	r, w  *os.File
	mark  []byte
	seen  chan struct{} // a mark was read
	read  chan struct{} // closed at the end of the pipe

	mu     sync.Mutex
	rest   []byte // the beginning of a line, or of a mark
	tail   []byte // of the invocation's log
	inside bool   // whether there is an invocation
	closed bool
}

// maxLine is where a line without an end is cut: the size of an event of CloudWatch Logs, less its overhead.
const maxLine = 256<<10 - 26

// maxTail is how much of a log an invocation returns.
const maxTail = 4096

func newJournal(lines Lines, now func() time.Time) (*journal, error) {
	j := &journal{lines: lines, now: now, seen: make(chan struct{}), read: make(chan struct{})}
	random := make([]byte, 16)
	if _, err := rand.Read(random); err != nil {
		return nil, err
	}
	j.mark = hex.AppendEncode(nil, random)
	var err error
	if j.r, j.w, err = os.Pipe(); err != nil {
		return nil, err
	}
	go j.readAll()
	return j, nil
}

func (j *journal) readAll() {
	defer close(j.read)
	defer j.r.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := j.r.Read(buffer)
		marks := j.take(buffer[:n])
		for range marks {
			j.seen <- struct{}{}
		}
		if err != nil {
			j.flush()
			return
		}
	}
}

// take adds what was read and reports how many marks were in it.
func (j *journal) take(chunk []byte) (marks int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.rest = append(j.rest, chunk...)
	for {
		at := bytes.Index(j.rest, j.mark)
		if at < 0 {
			break
		}
		j.cut(j.rest[:at], true)
		j.rest = j.rest[at+len(j.mark):]
		marks++
	}
	j.rest = append([]byte(nil), j.cut(j.rest, false)...)
	return marks
}

// cut writes the whole lines of text, and returns the beginning of a line that is left; all says to write
// that as well.
func (j *journal) cut(text []byte, all bool) (left []byte) {
	for {
		line, rest, found := bytes.Cut(text, []byte("\n"))
		switch {
		case found:
			j.put(string(line))
			text = rest
		case len(text) >= maxLine:
			j.put(string(text[:maxLine]))
			text = text[maxLine:]
		case all && len(text) > 0:
			j.put(string(text))
			return nil
		default:
			return text
		}
	}
}

// Newline is the byte by which the bootstraps join the lines of one event, such as those of a stack trace.
const Newline = "\x1e"

func (j *journal) put(line string) {
	line = strings.ReplaceAll(line, Newline, "\n")
	j.lines.Line(j.now(), line)
	if !j.inside {
		return
	}
	j.tail = append(append(j.tail, line...), '\n')
	if len(j.tail) > 2*maxTail {
		j.tail = append(j.tail[:0], j.tail[len(j.tail)-maxTail:]...)
	}
}

func (j *journal) flush() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.cut(j.rest, true)
	j.rest = nil
}

// line writes a line of the instance's own.
func (j *journal) line(text string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.put(text)
}

// begin starts the log of an invocation.
func (j *journal) begin() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.inside = true
	j.tail = nil
}

// end returns the end of the log of an invocation.
func (j *journal) end() []byte {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.inside = false
	return j.tail[max(0, len(j.tail)-maxTail):]
}

// catchUp returns when all that the program has printed until now is in the log.
func (j *journal) catchUp() {
	j.mu.Lock()
	closed := j.closed
	j.mu.Unlock()
	if closed {
		<-j.read
		return
	}
	if _, err := j.w.Write(j.mark); err != nil {
		<-j.read
		return
	}
	select {
	case <-j.seen:
	case <-j.read:
	}
}

// close ends the log once the program's end of the pipe is closed too.
func (j *journal) close() {
	j.mu.Lock()
	j.closed = true
	j.mu.Unlock()
	_ = j.w.Close()
}
