package inspect

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/embedded"
	"github.com/sealtable/sealtable/internal/storage/embedded/journal"
	"github.com/sealtable/sealtable/internal/storage/embedded/sealedfs"
)

// Kinds of files beside those of the store.
const (
	kindInstallation = "installation"
	kindVersion      = "keyring-version"
	kindMaterial     = "key-material"
	kindMarker       = "marker" // empty: its name says all
	kindTrail        = "trail"
	kindSpare        = "journal-spare"
	kindRemainder    = "remainder" // of something that was cut short, or is being written
	kindUnknown      = "unknown"
)

// The algorithms, as the formats name them.
const (
	algorithmNone     = "none"
	algorithmEnvelope = "AES-256-GCM, HKDF-SHA-256"
	algorithmJournal  = "AES-256-GCM sections, HMAC-SHA-256 frames"
	algorithmMark     = "HMAC-SHA-256"
)

// names are the patterns of paths, with slashes, by which files are told that the store does not tell by
// itself.
var names = struct{ segment, spare, trail, remainder *regexp.Regexp }{
	segment: regexp.MustCompile(`^journal/[0-9a-f]{16}\.segment$`),
	spare:   regexp.MustCompile(`^journal/[0-9a-f]{16}\.spare$`),
	trail:   regexp.MustCompile(`^trail/(trail|changes|refused)-([0-9]{10,})\.zst$`),
	remainder: regexp.MustCompile(`^(FORMAT\.new|INSTALLATION\.new|high-water\.new|keyring\.tmp|journal/[0-9a-f]{16}\.spare\.new|keys/[^/]+\.tmp|trail/healed/[^/]+|` +
		`tables/[0-9a-f]{32}/(keys\.tmp|parked\.new))$`),
}

// classify says what a file is by its path alone.
func classify(f embedded.File) string {
	path := filepath.ToSlash(f.Path)
	switch {
	case path == installationFile:
		return kindInstallation
	case path == versionFile:
		return kindVersion
	case names.remainder.MatchString(path):
		return kindRemainder
	case names.spare.MatchString(path):
		return kindSpare
	case f.Kind == embedded.KindJournal && !names.segment.MatchString(path):
		return kindUnknown
	case names.trail.MatchString(path):
		return kindTrail
	case filepath.ToSlash(filepath.Dir(f.Path)) == materialDir && strings.HasSuffix(path, unbornSuffix):
		return kindMarker
	case filepath.ToSlash(filepath.Dir(f.Path)) == materialDir:
		return kindMaterial
	case f.Kind == embedded.KindDropped:
		return kindRemainder
	case f.Kind == embedded.KindTable && filepath.Base(f.Path) == "LOCK":
		return kindUnknown
	case f.Kind == embedded.KindTable && strings.HasPrefix(filepath.Base(f.Path), "marker."):
		return kindMarker
	}
	return string(f.Kind)
}

// verifyFiles authenticates every file.
func (i *inspection) verifyFiles() {
	var done, total int64
	for _, f := range i.files {
		total += f.Bytes
	}
	for _, f := range i.files {
		if i.ctx.Err() != nil {
			return
		}
		i.verifyFile(f)
		done += f.Bytes
		i.o.Progress(done, total)
	}
}

func (i *inspection) verifyFile(f embedded.File) {
	out := File{Path: filepath.ToSlash(f.Path), Kind: classify(f), Bytes: f.Bytes, Algorithm: algorithmNone,
		Keys: []string{}, Status: IsAuthentic}
	if f.Table != (storage.TableID{}) {
		out.Table = f.Table.String()
	}
	t := i.tables[f.Table]
	if t != nil {
		out.TableName = t.Name
	}
	err := i.steadily(func() error { return i.authenticate(f, t, &out) }, f.Path)
	if gone(err) {
		return
	}
	if err != nil {
		i.problem(f.Path, "%s", strings.ReplaceAll(withoutPath(err), "\n", "; "))
	}
	if i.isWrong(f.Path) {
		out.Status = IsWrong
	}
	if t != nil {
		t.Files, t.Bytes = t.Files+1, t.Bytes+f.Bytes
	}
	i.report.Files = append(i.report.Files, out)
}

var errUnknownFile = errors.New("it does not belong here: no part of the server made it")

// authenticate does what the kind of a file asks for, and fills in what was found.
func (i *inspection) authenticate(f embedded.File, t *Table, out *File) error {
	out.Status = IsAuthentic
	switch out.Kind {
	case kindInstallation:
		return i.verifyPlain(out, i.root.InstallationID().String()+"\n")
	case string(embedded.KindFormat):
		return i.verifyPlain(out, formatText)
	case string(embedded.KindLock), kindMarker:
		return i.verifyEmpty(out)
	case kindVersion:
		// compared with the keyring before anything else
		out.Algorithm, out.Keys = algorithmMark, []string{"keyring", "keyring-version key"}
		return nil
	case kindRemainder:
		out.Status, out.Detail = IsUnused, "being written, or cut short: never read, removed by the "+
			"next start"
	case kindSpare:
		return i.verifySpare(f, out)
	case kindMaterial:
		return i.verifyMaterial(out)
	case kindTrail:
		return i.verifySealed(f, storage.System(trailOwner), []string{"keyring", "catalog key"}, out)
	case string(embedded.KindJournal):
		return i.verifySegment(f, out)
	case string(embedded.KindHighWater):
		return i.verifyHighWater(out)
	case string(embedded.KindKeys), string(embedded.KindParked), string(embedded.KindTable):
		return i.verifyOfTable(f, t, out)
	default:
		return errUnknownFile
	}
	return nil
}

func (i *inspection) verifyEmpty(out *File) error {
	info, err := i.disk.Stat(i.path(out.Path))
	if err == nil && info.Size() != 0 {
		err = errors.New("it holds something, but must be empty")
	}
	return err
}

func (i *inspection) verifyMaterial(out *File) error {
	out.Algorithm = algorithmEnvelope
	m := i.material[filepath.Base(out.Path)]
	if m == nil {
		return nil // noted when it was read
	}
	used := map[uint32]bool{}
	for _, v := range m.key.Versions {
		if !used[v.RootKeyVersion] {
			used[v.RootKeyVersion] = true
			out.Keys = append(out.Keys, fmt.Sprintf("root key %d", v.RootKeyVersion))
		}
	}
	out.Detail = fmt.Sprintf("%s of %s", plural(len(m.key.Versions), "version"),
		strings.Join(m.key.ARNs, ", "))
	return nil
}

// verifyOfTable authenticates a file of one table. What belongs to no table any more has lost its keys:
// nobody can read it, and the next start removes it.
func (i *inspection) verifyOfTable(f embedded.File, t *Table, out *File) error {
	if t.KMSKey == "" && !t.System && !t.Listed && i.catalog.read &&
		!i.isWrong(filepath.Join("tables", t.ID, "keys")) {
		out.Status, out.Detail = IsUnused, "of a table that was deleted: its keys are destroyed"
		return nil
	}
	switch out.Kind {
	case string(embedded.KindKeys):
		out.Algorithm, out.Keys = algorithmEnvelope, []string{"keyring", "catalog key"}
		if t.Opened {
			out.Detail = fmt.Sprintf("table key %d with %s", t.TableKey, plural(len(t.DataKeys), "data key"))
		}
		return nil // noted when the table was unlocked
	case string(embedded.KindParked):
		return i.verifyParked(f, t, out)
	}
	if !t.Opened {
		i.describeHeader(f, out)
		out.Status = IsSealed
		return i.sealedTable(t)
	}
	return i.verifySealed(f, f.Table, t.chain, out)
}

// sealedTable is the problem of a file whose table could not be opened, if nothing else tells of it.
func (i *inspection) sealedTable(t *Table) error {
	if i.isWrong(filepath.Join("tables", t.ID, "keys")) || i.isWrong(filepath.Join(materialDir, t.keyID)) {
		return nil
	}
	return errors.New("its table's keys could not be opened")
}

// ownerKeys are the data keys of one owner.
type ownerKeys struct {
	keys  storage.Keys
	owner storage.TableID
}

// Current implements sealedfs.Keys.
func (k ownerKeys) Current() (storage.Epoch, error) { return k.keys.Current(k.owner) }

// Key implements sealedfs.Keys.
func (k ownerKeys) Key(epoch storage.Epoch, key *[storage.KeySize]byte) error {
	if err := k.keys.Key(k.owner, epoch, key); err != nil {
		// the owner is unlocked, so all its epochs are known
		return fmt.Errorf("%w: %w", sealedfs.ErrUnknownEpoch, err)
	}
	return nil
}

func (i *inspection) sealing(owner storage.TableID) *sealedfs.FS {
	return sealedfs.New(i.disk, owner, ownerKeys{i.ring, owner})
}

func (i *inspection) verifySealed(f embedded.File, owner storage.TableID, chain []string, out *File) error {
	report, err := i.sealing(owner).Verify(i.path(f.Path))
	out.Algorithm, out.DataKey = report.Algorithm, report.Epoch
	if report.Epoch != 0 {
		out.Keys = append(slices.Clone(chain), fmt.Sprintf("data key %d", report.Epoch))
	}
	var wrong *sealedfs.NotAuthenticError
	switch {
	case errors.As(err, &wrong) && errors.Is(err, sealedfs.ErrTorn):
		return fmt.Errorf("%s; no one vouches for these bytes", wrong.Reason)
	case errors.As(err, &wrong):
		return fmt.Errorf("not authentic: %s", wrong.Reason)
	}
	return err
}

// verifySpare accounts for a file that the journal keeps for its next segment. Its bytes are never read.
func (i *inspection) verifySpare(f embedded.File, out *File) error {
	report, err := journal.Verify(i.disk, i.path(f.Path), i.frameKey, i.ring)
	out.Status = IsUnused
	out.Detail = fmt.Sprintf("kept for the next segment: %s of zeros", size(report.Preallocated))
	return journalCause(err)
}

func (i *inspection) verifySegment(f embedded.File, out *File) error {
	report, err := journal.Verify(i.disk, i.path(f.Path), i.frameKey, i.ring)
	out.Algorithm, out.Keys = algorithmJournal, []string{"keyring", "journal key"}
	if report.Frame > 0 {
		i.segments[report.Sequence] = report
	}
	records := "no records"
	if report.First != 0 {
		records = fmt.Sprintf("records %d to %d of %s", report.First, report.Last,
			plural(len(report.Tables), "table"))
	}
	out.Detail = fmt.Sprintf("%s, %s; %s not in use", report.Ending, records,
		size(report.Preallocated+report.Leftover))
	if report.Guarded && report.Leftover > 0 {
		out.Detail += fmt.Sprintf(", of which %s are a write that was cut short and never acknowledged",
			size(report.Leftover))
	}
	return errors.Join(journalCause(err), i.lockedSections(report))
}

// NotNoticed is what no file tells, in the words of README and ARCHITECTURE.
const NotNoticed = "rows of tables that were written in the last second before a crash, and are then " +
	"cut off " +
	"the journal's end; and a data directory put back to an earlier day together with its high-water mark"

// verifyHighWater authenticates the journal's mark. Files are looked at in order of path, so it is read
// before the journal: what a server commits meanwhile is no mark ahead.
func (i *inspection) verifyHighWater(out *File) error {
	out.Algorithm, out.Keys = algorithmMark, []string{"keyring", "journal key"}
	mark, err := journal.ReadHighWater(i.disk, i.path(journalDir), i.frameKey)
	if err != nil {
		return journalCause(err)
	}
	i.mark = &mark
	out.Detail = fmt.Sprintf("the journal was durable up to record %d; no one notices %s", mark.LSN,
		NotNoticed)
	return nil
}

// checkHighWater compares the end of the journal with its mark.
func (i *inspection) checkHighWater(newest journal.Report) {
	const path = string(embedded.KindHighWater)
	guarded := false
	for _, r := range i.segments {
		guarded = guarded || r.Guarded
	}
	switch {
	case i.mark == nil && guarded && !i.exists(path):
		i.problem(path, "it is missing: it says where the journal ended")
	case i.mark == nil:
	case i.newest() < i.mark.LSN:
		i.problem(journalDir, "it ends at record %d, but its high-water mark says that record %d was "+
			"durable: "+
			"its newest part was cut off, or it was copied from a running server before the mark was",
			i.newest(), i.mark.LSN)
	case i.mark.Copies < 2 && newest.Ending == "closed":
		i.problem(path, "one of its two copies is not authentic, and no crash explains it: the journal was "+
			"closed")
	}
}

// lockedSections is what is wrong with sections whose key could not be had. Those of tables that were deleted
// have lost it for good, and wait for the journal to be released.
func (i *inspection) lockedSections(report journal.Report) error {
	var errs []error
	for id, found := range report.Tables {
		t := i.tables[id]
		if found.Locked == 0 || t == nil && i.catalog.read || t != nil && !t.Opened {
			continue
		}
		errs = append(errs, fmt.Errorf("%s of table %s cannot be opened: %v", plural(found.Locked, "section"),
			id, found.Cause))
	}
	return errors.Join(errs...)
}

func (i *inspection) verifyParked(f embedded.File, t *Table, out *File) error {
	out.Algorithm, out.Keys = algorithmJournal, append([]string{"keyring", "journal key"}, t.chain...)
	err := journal.ReadParked(i.disk, i.path(f.Path), i.frameKey, f.Table,
		func(journal.Parked) error { return nil })
	if err != nil {
		return journalCause(err)
	}
	report, err := journal.Verify(i.disk, i.path(f.Path), i.frameKey, i.ring)
	if err != nil {
		return journalCause(err)
	}
	i.parked[f.Table] = report.Last
	out.Detail = fmt.Sprintf("records %d to %d wait until the table is opened", report.First, report.Last)
	if report.Tables[f.Table].Locked > 0 && !t.Opened {
		out.Status = IsSealed
		return i.sealedTable(t)
	}
	return i.lockedSections(report)
}

// journalFault names the file of the journal that an error is about.
func journalFault(err error) (file, cause string, ok bool) {
	var corrupt *journal.CorruptError
	if !errors.As(err, &corrupt) {
		return "", "", false
	}
	return corrupt.File, fmt.Sprintf("not authentic at offset %d: %v", corrupt.Offset, corrupt.Cause), true
}

// journalCause words the errors of a file of the journal without the file, which is told beside them.
func journalCause(err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // each part is worded
		var errs []error
		for _, e := range joined.Unwrap() {
			errs = append(errs, journalCause(e))
		}
		return errors.Join(errs...)
	}
	var corrupt *storage.CorruptError
	if errors.As(err, &corrupt) {
		return fmt.Errorf("not authentic: %w", corrupt.Cause)
	}
	if _, cause, ok := journalFault(err); ok {
		return errors.New(cause)
	}
	return err
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// size words a number of bytes.
func size(n int64) string {
	switch {
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 10<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return plural(int(n), "byte")
}
