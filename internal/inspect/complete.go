package inspect

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"

	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/embedded"
	"github.com/sealtable/sealtable/internal/storage/embedded/journal"
)

// checkComplete looks for what is missing, as far as something that is there tells of it.
func (i *inspection) checkComplete() {
	if !i.exists("FORMAT") {
		i.problem("FORMAT", "it is missing")
	}
	// a directory of a time before both has neither
	if i.exists("high-water") && !i.exists(versionFile) {
		i.problem(versionFile, "it is missing: it says which root key the data was last under")
	}
	i.checkJournal()
	i.checkTrail()
	for _, t := range i.tables {
		if i.ctx.Err() == nil {
			i.checkTable(t)
		}
	}
}

// checkJournal sees that the segments follow each other without a gap, from the oldest that is needed to the
// newest.
func (i *inspection) checkJournal() {
	if len(i.segments) == 0 {
		if !i.anyWrong("journal/") {
			i.problem("journal", "it has no segment, and so lacks the latest commits")
		}
		return
	}
	sequences := slices.Sorted(maps.Keys(i.segments))
	var released journal.LSN
	for _, r := range i.segments {
		released = max(released, r.Released)
	}
	oldest := i.segments[sequences[0]]
	if oldest.Base > released+1 {
		i.missingSegment(oldest.Sequence - 1)
	}
	for n, sequence := range sequences[1:] {
		if before := sequences[n]; sequence != before+1 {
			i.missingSegment(before + 1)
		}
	}
	newest := i.segments[sequences[len(sequences)-1]]
	if newest.Ending == "continues" {
		i.missingSegment(newest.Sequence + 1)
	}
	i.checkHighWater(newest)
}

func (i *inspection) missingSegment(sequence uint64) {
	if path := fmt.Sprintf("journal/%016x.segment", sequence); !i.isWrong(path) {
		i.problem(path, "it is missing")
	}
}

// newest is the latest record of the journal.
func (i *inspection) newest() (last journal.LSN) {
	for _, r := range i.segments {
		last = max(last, r.Last, r.Base-1)
	}
	return last
}

func (i *inspection) anyWrong(prefix string) bool {
	return slices.ContainsFunc(i.report.Problems, func(p Problem) bool {
		return strings.HasPrefix(p.Path, prefix)
	})
}

// checkTrail sees that no file is missing between the oldest and the newest of each series of the trail. The
// oldest are removed in time.
func (i *inspection) checkTrail() {
	series := map[string][]uint64{}
	for _, f := range i.report.Files {
		if m := names.trail.FindStringSubmatch(f.Path); m != nil {
			if n, err := strconv.ParseUint(m[2], 10, 64); err == nil {
				series[m[1]] = append(series[m[1]], n)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(series)) {
		numbers := series[name]
		slices.Sort(numbers)
		for n := 1; n < len(numbers); n++ {
			for missing := numbers[n-1] + 1; missing < numbers[n] && missing < numbers[n-1]+100; missing++ {
				i.problem(fmt.Sprintf("%s/%s-%010d.zst", trailDir, name, missing), "it is missing")
			}
		}
	}
}

// checkTable sees that a table has what its own files say it has.
func (i *inspection) checkTable(t *Table) {
	dir := "tables/" + t.ID
	if !t.Listed && t.KMSKey == "" && i.catalog.read {
		return // the remainder of a deletion
	}
	if !i.exists("tables", t.ID) {
		i.problem(dir, "it is missing: the catalog lists table %s", t.Name)
		return
	}
	if i.exists("tables", t.ID, "fresh") || i.isWrong(dir+"/fresh") {
		if err := i.checkAnchor(t, dir+"/fresh", 0); err != nil {
			i.problem(err.path, "%s", err.why)
		}
		return
	}
	err := i.steadily(func() error { return i.checkStore(t, dir+"/pebble") }, dir)
	var missing *missingError
	switch {
	case errors.As(err, &missing):
		i.problem(missing.path, "%s", missing.why)
	case err != nil && !i.anyWrong(dir+"/"):
		i.problem(dir+"/pebble", "%v", err)
	}
}

// missingError says that a file, or what should be in it, is not there.
type missingError struct{ path, why string }

func (e *missingError) Error() string { return e.path + ": " + e.why }

// checkStore opens the files of a table, for reading, as the store would: Pebble compares what is there with
// its own list.
func (i *inspection) checkStore(t *Table, dir string) error {
	names, err := i.disk.List(i.path(dir))
	if len(names) == 0 {
		if t.Listed || err == nil && t.Opened && !i.catalog.read {
			return &missingError{strings.TrimSuffix(dir, "pebble") + "fresh",
				"it is missing, and so is every file of the table"}
		}
		return nil // a creation that was cut short
	}
	if err := i.checkMarkers(dir, names); err != nil || !t.Opened {
		return err
	}
	mark, err := i.openStore(t, dir)
	if file := missingFile(err, dir); file != "" && !i.exists(file) {
		return &missingError{file, "it is missing"}
	}
	if err != nil {
		return err
	}
	if newest := i.newest(); mark > newest && len(i.segments) > 0 {
		return &missingError{"journal", fmt.Sprintf("it ends with record %d, before record %d that "+
			"table %s has", newest, mark, t.ID)}
	}
	if err := i.checkAnchor(t, dir, mark); err != nil {
		return err
	}
	return nil
}

// checkAnchor compares how far a table's directory is with what the journal last said of it.
func (i *inspection) checkAnchor(t *Table, dir string, mark journal.LSN) *missingError {
	a := i.anchor(t.key)
	if mark < a.Held {
		return &missingError{dir, putBack(mark, a.Held)}
	}
	if has := max(mark, i.parked[t.key]); has < a.Parked {
		return &missingError{"tables/" + t.ID, putBack(has, a.Parked)}
	}
	return nil
}

func putBack(has, had journal.LSN) string {
	return fmt.Sprintf("it was put back from an earlier day: it holds all up to record %d, and held all up "+
		"to record %d when the journal "+
		"let go of that", has, had)
}

// anchor is the newest that the journal says of a table's directory; nothing if it says nothing.
func (i *inspection) anchor(table storage.TableID) journal.Anchor {
	sequences := slices.Sorted(maps.Keys(i.segments))
	for _, sequence := range slices.Backward(sequences) {
		anchors := i.segments[sequence].Anchors
		if anchors == nil {
			continue
		}
		n, found := slices.BinarySearchFunc(anchors, table, func(a journal.Anchor, id storage.TableID) int {
			return bytes.Compare(a.Table[:], id[:])
		})
		if found {
			return anchors[n]
		}
		break
	}
	return journal.Anchor{}
}

// checkMarkers sees that the empty files whose names say where Pebble begins are there, and that what they
// name is.
func (i *inspection) checkMarkers(dir string, names []string) error {
	manifest, err := i.marker(dir, "manifest", names)
	if err != nil {
		return err
	}
	if _, err := i.marker(dir, "format-version", names); err != nil {
		return err
	}
	if !slices.Contains(names, manifest) {
		return &missingError{dir + "/" + manifest, "it is missing"}
	}
	if !slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(name, "OPTIONS-") }) {
		return &missingError{dir + "/OPTIONS-", "it is missing"}
	}
	for _, name := range names {
		if parts := strings.SplitN(name, ".", 4); parts[0] == "marker" &&
			(len(parts) != 4 || parts[1] != "manifest" && parts[1] != "format-version") {
			i.problem(dir+"/"+name, "%v", errUnknownFile)
		}
	}
	return nil
}

// marker gives what the newest marker of a name points to.
func (i *inspection) marker(dir, kind string, names []string) (value string, err error) {
	var newest uint64
	for _, name := range names {
		parts := strings.SplitN(name, ".", 4)
		if len(parts) != 4 || parts[0] != "marker" || parts[1] != kind {
			continue
		}
		if n, err := strconv.ParseUint(parts[2], 10, 64); err == nil && n > newest {
			newest, value = n, parts[3]
		}
	}
	if newest == 0 {
		return "", &missingError{dir + "/marker." + kind, "it is missing: the table's files cannot be " +
			"found without it"}
	}
	return value, nil
}

// openStore opens a table's files for reading, reads up to which record of the journal they are complete, and
// closes them.
func (i *inspection) openStore(t *Table, dir string) (mark journal.LSN, err error) {
	defer func() {
		if r := recover(); r != nil { // Pebble panics over some files that make no sense
			err = fmt.Errorf("the table's files cannot be opened: %v", r)
		}
	}()
	fatal := &fatalLog{}
	db, err := pebble.Open(i.path(dir), &pebble.Options{
		FS: i.sealing(t.key), ReadOnly: true, ErrorIfNotExists: true, DisableWAL: true, Logger: fatal,
		FormatMajorVersion: pebble.FormatValueSeparation,
	})
	if err != nil {
		return 0, fmt.Errorf("the table's files do not fit together: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close(), fatal.err) }()
	value, closer, err := db.Get([]byte(syncMark))
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	if len(value) == 8 {
		mark = journal.LSN(binary.BigEndian.Uint64(value))
	}
	return mark, nil
}

// syncMark is the key under which a table's files say up to which record of the journal they are complete.
const syncMark = "\x00"

// fatalLog keeps Pebble from ending the process, and from logging.
type fatalLog struct{ err error }

func (l *fatalLog) Infof(string, ...any)  {}
func (l *fatalLog) Errorf(string, ...any) {}
func (l *fatalLog) Fatalf(format string, _ ...any) {
	l.err = errors.New(format) // without its arguments: they may be keys of rows
}

var missingNumber = regexp.MustCompile(`file (\d{6,}) \(type (\w+)\) unknown`)

// missingFile is the file that Pebble says it does not find.
func missingFile(err error, dir string) string {
	if err == nil {
		return ""
	}
	m := missingNumber.FindStringSubmatch(err.Error())
	if m == nil {
		return ""
	}
	if m[2] == "blob" {
		return dir + "/" + m[1] + ".blob"
	}
	return dir + "/" + m[1] + ".sst"
}

// listSealed reports what can be told without the root key: nothing but what is in the clear by design.
func (i *inspection) listSealed(reason error) {
	i.report.Reason = reason.Error()
	if id, err := Installation(i.o.Dir); err == nil && !id.IsZero() {
		i.report.Installation = id.String()
	}
	for _, f := range i.files {
		out := File{Path: filepath.ToSlash(f.Path), Kind: classify(f), Bytes: f.Bytes,
			Algorithm: algorithmNone, Keys: []string{}, Status: IsSealed}
		if f.Table != (storage.TableID{}) {
			out.Table = f.Table.String()
			i.countSealed(f)
		}
		switch out.Kind {
		case kindInstallation, string(embedded.KindFormat), string(embedded.KindLock), kindMarker:
			out.Status, out.Detail = IsUnused, "in the clear; holds no data"
			if f.Bytes == 0 {
				out.Detail = "empty"
			}
		case kindUnknown:
			i.problem(f.Path, "%v", errUnknownFile)
			out.Status = IsWrong
		default:
			i.describeHeader(f, &out)
		}
		i.report.Files = append(i.report.Files, out)
	}
}

func (i *inspection) countSealed(f embedded.File) {
	t := i.tables[f.Table]
	if t == nil {
		t = &Table{ID: f.Table.String(), key: f.Table, System: f.Table.IsSystem()}
		if t.System {
			t.Name = systemName(f.Table)
		}
		i.tables[f.Table] = t
	}
	t.Files, t.Bytes = t.Files+1, t.Bytes+f.Bytes
}
