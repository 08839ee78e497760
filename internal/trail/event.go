package trail

import (
	"slices"
	"strings"
	"time"

	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/strictjson"
)

// Event is something that happened without a call of an operation: to a key at its time, to the installation
// by its operator, or to the trail itself.
type Event struct {
	Service string // as in credential scopes; Installation for what AWS does not know
	Name    string
	// Caller is whose doing it was; nil for a service's own.
	Caller          *auth.Caller
	Account, Region string
	Resources       []string         // ARNs
	Details         []auth.Parameter // as those of auth.Needs
	Time            time.Time        // zero for now
	Err             error
}

// Installation is the service of events that AWS does not know.
const Installation = "sealtable"

// Operator is the type of somebody who acts by the command line, who has no identity that signs.
const Operator auth.PrincipalType = "Operator"

// Event records what happened, among the changes. It never waits, and comes in after Close began too.
func (t *Trail) Event(e Event) {
	t.series[changes].add(t.appendEvent(nil, &e))
}

// appendEvent appends a line in the shape of CloudTrail's service events ("Non-API events captured by
// CloudTrail").
func (t *Trail) appendEvent(dst []byte, e *Event) []byte {
	at := e.Time
	if at.IsZero() {
		at = t.o.Clock.Now()
	}
	source, inside := e.Service+".amazonaws.com", "AWS Internal"
	if e.Service == Installation {
		source, inside = "sealtable.internal", "sealtable.internal"
	}
	dst = append(dst, `{"eventVersion":"`+eventVersion+`","userIdentity":`...)
	if e.Caller != nil {
		dst = appendIdentity(dst, e.Caller)
	} else {
		dst = append(dst, `{"accountId":`...)
		dst = appendText(dst, e.Account)
		dst = append(appendMember(dst, "invokedBy", inside), '}')
	}
	dst = append(dst, `,"eventTime":"`...)
	dst = append(at.AppendFormat(dst, time.RFC3339), '"')
	dst = appendMember(dst, "eventSource", source)
	dst = appendMember(dst, "eventName", e.Name)
	dst = appendMember(dst, "awsRegion", e.Region)
	if e.Caller != nil {
		dst = appendOrigin(dst, e.Caller)
	} else {
		dst = appendMember(appendMember(dst, "sourceIPAddress", inside), "userAgent", inside)
	}
	dst = appendOutcome(dst, e.Err)
	dst = append(dst, `,"requestParameters":null,"responseElements":null,"eventID":"`...)
	dst = append(t.events.append(dst), `","readOnly":false`...)
	if len(e.Resources) > 0 {
		for n, resource := range e.Resources {
			dst = appendARN(dst, n == 0, resource)
		}
		dst = append(dst, ']')
	}
	dst = append(dst, `,"eventType":"AwsServiceEvent","managementEvent":true`...)
	dst = appendMember(dst, "recipientAccountId", e.Account)
	dst = append(dst, `,"serviceEventDetails":`...)
	dst = appendParameters(dst, e.Details, maxParameter)
	return append(dst, `,"eventCategory":"Management"}`+"\n"...)
}

// event is the record of calls that were counted.
func (c *tally) event(now time.Time) *Event {
	kinds := make([]map[string]any, 0, len(c.counts))
	for k, n := range c.counts {
		counted := map[string]any{"count": n}
		for name, value := range map[string]string{"eventSource": k.service, "eventName": k.operation,
			"errorCode": k.code} {
			if value != "" {
				counted[name] = value
			}
		}
		kinds = append(kinds, counted)
	}
	slices.SortFunc(kinds, func(a, b map[string]any) int { return strings.Compare(nameOf(a), nameOf(b)) })
	return &Event{
		Service: Installation, Name: "CountCalls", Caller: c.caller, Account: c.caller.Account,
		Region: c.caller.Region, Time: now,
		Details: []auth.Parameter{{Name: "calls", Value: kinds},
			{Name: "since", Value: c.since.Format(time.RFC3339)},
			{Name: "until", Value: now.Format(time.RFC3339)}},
	}
}

func nameOf(counted map[string]any) string {
	name, _ := counted["eventName"].(string)
	code, _ := counted["errorCode"].(string)
	return name + " " + code
}

// quietAge is how old records are that may go without a warning.
const quietAge = 24 * time.Hour

// dropped says what goes with files that are removed: in a record among the changes, and in the log.
func (t *Trail) dropped(s *series, gone []uint64, next uint64) {
	from, until := s.begins(gone[0]), s.begins(next)
	names := make([]string, len(gone))
	for n, number := range gone {
		names[n] = fileName(s.name, number)
	}
	t.Event(Event{Service: Installation, Name: "DropRecords", Details: []auth.Parameter{
		{Name: "files", Value: names}, {Name: "since", Value: stamp(from)},
		{Name: "until", Value: stamp(until)},
	}})
	log := t.o.Log.Info
	if until.IsZero() || t.o.Clock.Now().Sub(until) < quietAge {
		log = t.o.Log.Warn
	}
	log("the oldest records of the trail are dropped to make room; --trail-files gives it more", "files",
		names,
		"since", stamp(from), "until", stamp(until))
}

func stamp(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return at.Format(time.RFC3339)
}

// begins is the time of the first record of a file; zero when it cannot be read.
func (s *series) begins(number uint64) time.Time {
	file, err := s.o.FS.Open(s.path(number))
	if err != nil {
		return time.Time{}
	}
	defer func() { _ = file.Close() }() // nothing was written
	scanner, err := NewScanner(file)
	if err != nil {
		return time.Time{}
	}
	defer scanner.Close()
	lines, err := scanner.Next()
	if err != nil {
		return time.Time{}
	}
	return TimeOf(lines)
}

// TimeOf is the time of the first of some lines; zero where there is none.
func TimeOf(lines []byte) time.Time {
	r := strictjson.NewReader(lines)
	if r.BeginObject() != nil {
		return time.Time{}
	}
	for {
		name, ok, err := r.NextName()
		if err != nil || !ok {
			return time.Time{}
		}
		if string(name) != "eventTime" {
			if _, err := r.ReadRaw(); err != nil {
				return time.Time{}
			}
			continue
		}
		text, err := r.ReadString()
		if err != nil {
			return time.Time{}
		}
		at, _ := time.Parse(time.RFC3339, string(text))
		return at
	}
}
