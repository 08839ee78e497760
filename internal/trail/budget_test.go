package trail

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/auth"
	"github.com/sealtable/sealtable/internal/service"
)

// event is as much of a record as these tests look at.
type event struct {
	EventName, ErrorCode string
	UserIdentity         struct{ ARN string }
	ServiceEventDetails  struct {
		Calls []struct {
			EventName, ErrorCode string
			Count                int
		}
		Files        []string
		Since, Until string
	}
}

func events(t *testing.T, fs vfs.FS, series string) (all []event) {
	t.Helper()
	for _, line := range seriesLines(t, fs, series) {
		var e event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// tallied is how many calls of an operation are in some events, one by one and counted.
func tallied(all []event, operation string) (single, counted int) {
	for _, e := range all {
		if e.EventName == operation {
			single++
		}
		for _, k := range e.ServiceEventDetails.Calls {
			if k.EventName == operation {
				counted += k.Count
			}
		}
	}
	return single, counted
}

// noise is text that does not compress, of which calls take parts.
func noise(random *rand.Rand) string {
	b := make([]byte, 1<<18)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return base64.StdEncoding.EncodeToString(b)
}

func rootCall() service.Record {
	return permitted(service.Record{Service: "kms", Operation: "DisableKey", Needs: new(auth.Needs),
		Caller: &auth.Caller{Type: auth.Root, Account: "123456789012", ARN: "arn:aws:iam::123456789012:root", Region: "us-east-1"}})
}

// floods are calls that fill a trail. Each is made by the thousand after a root user's DisableKey, and after a refused call of
// somebody else.
var floods = map[string]struct {
	record  service.Record
	right   bool
	series  class
	request int // bytes of its request that the trail may show
}{
	"strangers": {record: service.Record{Service: "sts", Operation: "AssumeRoleWithWebIdentity",
		Caller: &auth.Caller{Type: auth.WebIdentity},
		Err:    &service.InputError{Cause: io.ErrUnexpectedEOF}}, series: refused, request: 2000},
	"a user without rights": {record: service.Record{Service: "kms", Operation: "Encrypt", Caller: caller("x"),
		Err: &auth.DeniedError{Caller: caller("x"), Need: auth.Need{Action: "kms:Encrypt"}}}, series: refused, request: 100 << 10},
	"a user without rights, where nothing is asked": {record: service.Record{Service: "sts", Operation: "GetCallerIdentity",
		Caller: caller("x")}, series: refused, request: 0},
	"a principal that makes changes": {record: service.Record{Service: "kms", Operation: "TagResource", Caller: caller("x")},
		right: true, series: changes, request: 4000},
	"a principal that reads": {record: service.Record{Service: "dynamodb", Operation: "GetItem", Caller: caller("x")},
		right: true, series: data, request: 1000},
}

// TestFloodsPushNothingOut makes ten seconds' worth of calls: 10,000, flushed fifty times, while the clock goes on by 200 ms each.
func TestFloodsPushNothingOut(t *testing.T) {
	for name, flood := range floods {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fs, log := vfs.NewMem(), new(bytes.Buffer)
				trail := small(t, fs, log)
				victim := service.Record{Service: "kms", Operation: "ScheduleKeyDeletion", Needs: new(auth.Needs), Caller: caller("victim"),
					Err: &auth.DeniedError{Caller: caller("victim"), Need: auth.Need{Action: "kms:ScheduleKeyDeletion"}}}
				victim.Caller.ARN = "arn:aws:iam::123456789012:user/victim"
				trail.Record(rootCall())
				trail.Record(victim)
				const calls = 10_000
				random := rand.New(rand.NewPCG(1, 2))
				text := noise(random)
				for i := range calls {
					r := flood.record
					r.Needs = new(auth.Needs)
					if flood.request > 0 {
						at := random.IntN(len(text) - flood.request)
						r.Needs.Note("text", text[at:at+flood.request])
					}
					if flood.right {
						r = permitted(r)
					}
					trail.Record(r)
					if i%(calls/50) == 0 {
						time.Sleep(200 * time.Millisecond) // of the bubble's clock
						if err := trail.Flush(); err != nil {
							t.Fatal(err)
						}
					}
				}
				if err := trail.Close(); err != nil {
					t.Fatal(err)
				}
				checkFlood(t, fs, flood.series, flood.record.Operation, calls)
				if over := strings.Contains(log.String(), "exceeds its share"); over != (flood.series != data) {
					t.Errorf("the log: %.300s", log)
				}
			})
		})
	}
}

// small is a trail of 1 MiB for changes, 512 KiB for what was refused and 1 MiB for the rest.
func small(t *testing.T, fs vfs.FS, log io.Writer) *Trail {
	trail := opened(t, fs, log)
	for c, bytes := range map[class]int64{changes: 256 << 10, refused: 128 << 10, data: 256 << 10} {
		trail.series[c].files, trail.series[c].fileLimit = 4, bytes
		if b := trail.budgets[c]; b != nil {
			b.burst = 4 * bytes / 16
		}
	}
	return trail
}

func checkFlood(t *testing.T, fs vfs.FS, c class, operation string, calls int) {
	t.Helper()
	important, others := events(t, fs, "changes"), events(t, fs, "refused")
	if n, _ := tallied(important, "DisableKey"); n != 1 {
		t.Error("the root user's DisableKey is gone")
	}
	if n, _ := tallied(others, "ScheduleKeyDeletion"); n != 1 {
		t.Error("somebody else's refused call is gone")
	}
	single, counted := tallied(append(important, others...), operation)
	if c != data && single+counted != calls {
		t.Errorf("%d records and a count of %d, of %d calls", single, counted, calls)
	}
	dropped, _ := tallied(important, "DropRecords")
	files, err := Files(fs, "trail", "trail")
	if err != nil {
		t.Fatal(err)
	}
	if gone := len(files) > 0 && files[0] != "trail-0000000001.zst"; gone != (dropped > 0) {
		t.Errorf("the oldest file is %v, and %d records tell of files that went", files[0], dropped)
	}
	t.Logf("%d records, %d counted, %d removals told", single, counted, dropped)
}

// TestChangesBeyondABudgetStayWhole: those that do not fit among the changes lie among the calls on data.
func TestChangesBeyondABudgetStayWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := vfs.NewMem()
		trail := opened(t, fs, io.Discard)
		trail.budgets[changes].burst = 10 << 10
		for range 100 {
			trail.Record(rootCall())
		}
		if err := trail.Close(); err != nil {
			t.Fatal(err)
		}
		inChanges, counted := tallied(events(t, fs, "changes"), "DisableKey")
		inData, _ := tallied(events(t, fs, "trail"), "DisableKey")
		if inChanges < 5 || inChanges > 20 || counted != inData || inChanges+inData != 100 {
			t.Errorf("%d among the changes, %d counted, %d among the rest", inChanges, counted, inData)
		}
	})
}

// TestBudgetsFillAgain: at a kibibyte in a second, one refused call in full after a second.
func TestBudgetsFillAgain(t *testing.T) {
	b := &budget{rate: 1 << 10, burst: 4 << 10, sources: map[string]*source{}}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	admitted := func(who string) (n int) {
		for b.admit(who, now) {
			b.spend(who, 1000)
			n++
		}
		return n
	}
	if n := admitted("a"); n != 5 {
		t.Errorf("at once %d", n)
	}
	if n := admitted("b"); n != 5 {
		t.Errorf("somebody else %d", n)
	}
	now = now.Add(3 * time.Second)
	if n := admitted("a"); n != 3 {
		t.Errorf("after three seconds %d", n)
	}
	now = now.Add(-time.Hour) // a clock that was set back gives nothing
	if n := admitted("a"); n != 0 {
		t.Errorf("an hour before %d", n)
	}
}

// TestSourcesAreBounded: more principals than are kept apart share one budget, and those that are idle make room.
func TestSourcesAreBounded(t *testing.T) {
	b := &budget{rate: 1 << 10, burst: 4 << 10, sources: map[string]*source{}}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range maxSources {
		b.admit(fmt.Sprint(i), now)
		b.spend(fmt.Sprint(i), 1)
	}
	for i := range 10 {
		who := fmt.Sprint("late", i)
		if admitted := b.admit(who, now); admitted != (i < 5) {
			t.Errorf("%s: %t", who, admitted)
		}
		b.spend(who, 1000)
	}
	if len(b.sources) != maxSources+1 {
		t.Errorf("%d sources", len(b.sources))
	}
	now = now.Add(time.Minute)
	if !b.admit("later", now) || len(b.sources) != 1 {
		t.Errorf("%d sources after a minute", len(b.sources))
	}
}

// TestSessionsOfARoleAreOneSource: whoever may assume a role could name sessions without end.
func TestSessionsOfARoleAreOneSource(t *testing.T) {
	session := func(name string) *auth.Caller {
		return &auth.Caller{Type: auth.AssumedRole, ARN: "arn:aws:sts::123456789012:assumed-role/r/" + name,
			RoleARN: "arn:aws:iam::123456789012:role/r"}
	}
	if sourceOf(session("a")) != sourceOf(session("b")) || sourceOf(session("a")) == sourceOf(caller("x")) {
		t.Error("sessions are counted apart, or with somebody else")
	}
	if sourceOf(&auth.Caller{Type: auth.WebIdentity, ARN: "arn:aws:iam::123456789012:oidc-provider/x"}) != sourceOf(&auth.Caller{}) {
		t.Error("strangers have more than one budget")
	}
}

// TestRoomIsBounded: the series take no more together than the trail may, however small that is.
func TestRoomIsBounded(t *testing.T) {
	for _, maxFiles := range []int{1, 2, 3, 16, 17, 1000} {
		total := int64(0)
		for c := range classes {
			files, bytes := c.room(maxFiles)
			total += int64(files) * bytes
			if files < 4 || bytes > fileLimit {
				t.Errorf("%d: %v has %d files of %d bytes", maxFiles, c, files, bytes)
			}
		}
		if most := int64(maxFiles) * fileLimit; total > most || total < most*9/10 {
			t.Errorf("%d files: %d bytes of %d", maxFiles, total, most)
		}
	}
}
