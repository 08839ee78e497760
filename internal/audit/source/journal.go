package source

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/sealtable/sealtable/internal/audit/fact"
)

// journal keeps what was read of each region in a file of JSON lines, so that an audit that was interrupted
// goes on there. The first line says what was audited: the file of another audit is refused. Regions that
// could not be read are read again.
type journal struct {
	mu    sync.Mutex
	file  *os.File // nil: nothing is kept
	known map[string]journalLine
}

type journalHead struct {
	Journal  string   `json:"journal"`
	Account  string   `json:"account"`
	Accounts []string `json:"accounts,omitempty"`
	Endpoint string   `json:"endpoint,omitempty"`
	Needs    string   `json:"needs"`
}

type journalLine struct {
	Region fact.Region `json:"region"`
	Set    *fact.Set   `json:"set"`
}

// openJournal opens or makes the file. An empty path keeps nothing.
func openJournal(path string, scope *fact.Scope, needs fact.Needs) (*journal, error) {
	j := &journal{known: map[string]journalLine{}}
	if path == "" {
		return j, nil
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	head := journalHead{
		Journal: "sealtable.audit-journal/1", Account: scope.Account, Accounts: scope.Accounts,
		Endpoint: scope.Endpoint,
		Needs:    needsText(needs),
	}
	if err := j.load(file, &head); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), file.Close())
	}
	j.file = file
	return j, nil
}

func needsText(needs fact.Needs) string {
	var out []string
	for _, n := range slices.Sorted(maps.Keys(needs)) {
		out = append(out, string(n))
	}
	return strings.Join(out, ",")
}

// load reads the whole lines that there are, and cuts off what comes after them.
func (j *journal) load(file *os.File, want *journalHead) error {
	reader := bufio.NewReader(file)
	var whole int64
	for first := true; ; first = false {
		line, err := reader.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if err != nil { // the end, or a line that was not written whole
			break
		}
		if ok, err := j.take(line, first, want); err != nil || !ok {
			if err != nil {
				return err
			}
			break
		}
		whole += int64(len(line))
	}
	if err := file.Truncate(whole); err != nil {
		return err
	}
	if _, err := file.Seek(whole, io.SeekStart); err != nil {
		return err
	}
	if whole > 0 {
		return nil
	}
	return json.NewEncoder(file).Encode(want)
}

func (j *journal) take(line []byte, first bool, want *journalHead) (bool, error) {
	if !first {
		var entry journalLine
		if json.Unmarshal(line, &entry) != nil || entry.Set == nil {
			return false, nil
		}
		join(entry.Set)
		j.known[entry.Region.Account+"/"+entry.Region.Name] = entry
		return true, nil
	}
	var head journalHead
	if err := json.Unmarshal(line, &head); err != nil || head.Journal != want.Journal {
		return false, errors.New("is not the journal of an audit")
	}
	if head.Account != want.Account || !slices.Equal(head.Accounts, want.Accounts) ||
		head.Endpoint != want.Endpoint ||
		head.Needs != want.Needs {
		return false, errors.New("is the journal of an audit of something else, or by other rules: name " +
			"another file, or delete it")
	}
	return true, nil
}

// join makes tables and the list of keys share their keys again.
func join(s *fact.Set) {
	for _, t := range s.Tables {
		if t.Key == nil {
			continue
		}
		if k := s.Key(t.Key.ARN); k != nil {
			t.Key = k
		}
	}
}

// recall gives what is known of a region; a nil set if nothing is.
func (j *journal) recall(what *job) (fact.Region, *fact.Set) {
	j.mu.Lock()
	defer j.mu.Unlock()
	entry, ok := j.known[what.region.Account+"/"+what.region.Name]
	if !ok {
		return what.region, nil
	}
	return entry.Region, entry.Set
}

// keep notes a region that was read to the end.
func (j *journal) keep(region *fact.Region, set *fact.Set) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil || region.Problem != nil {
		return nil
	}
	key := region.Account + "/" + region.Name
	if _, known := j.known[key]; known {
		return nil
	}
	j.known[key] = journalLine{}
	return json.NewEncoder(j.file).Encode(journalLine{*region, set})
}

// close ends the journal. That of a finished audit is removed.
func (j *journal) close(finished bool) error {
	if j.file == nil {
		return nil
	}
	err := j.file.Close()
	if finished && err == nil {
		err = os.Remove(j.file.Name())
	}
	return err
}
