package sealedfs

import (
	"errors"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/storage"
)

// Report says what a file that was authenticated from its first byte to its last is.
type Report struct {
	Path         string
	Epoch        storage.Epoch // 0 for KindEmpty
	Kind         Kind
	Algorithm    string // "none" for KindEmpty
	LogicalSize  int64
	PhysicalSize int64
}

// Verify authenticates every byte of a file and changes nothing. A byte that no tag covers is
// ErrNotAuthentic, also at the end of an appended file, where a power cut may have left it: that is ErrTorn
// besides. With an error the report says what was found until then.
func (fs *FS) Verify(path string) (Report, error) {
	report := Report{Path: path, Kind: kindOf(fs.base.PathBase(path)), Algorithm: "none"}
	base, err := fs.base.Open(path)
	if err != nil {
		return report, err
	}
	defer base.Close()
	info, err := base.Stat()
	if err != nil {
		return report, err
	}
	report.PhysicalSize = info.Size()
	switch report.Kind {
	case KindEmpty:
		_, err = emptyHeader(path, int(min(info.Size(), 1)))
	case KindFrames:
		err = fs.verifyFrames(base, &report)
	default:
		err = fs.verifySegments(base, &report)
	}
	return report, err
}

func (r *Report) set(h Header) { r.Epoch, r.Algorithm = h.Epoch, h.Algorithm }

func (fs *FS) verifyFrames(base vfs.File, report *Report) error {
	h, size, err := fs.scanFrames(base, report.Path, report.PhysicalSize)
	report.set(h)
	report.LogicalSize = size
	if err == errTornEnd {
		return torn(report.Path, "its last bytes are no frame and were never declared synced: an "+
			"interrupted write, or damage")
	}
	if err == nil && size == 0 && bornWhole(fs.base.PathBase(report.Path)) {
		return torn(report.Path, "it is cut in front of its first frame, or was never synced")
	}
	return err
}

func (fs *FS) verifySegments(base vfs.File, report *Report) error {
	var raw [headerSize]byte
	n, err := readUpTo(base, raw[:], 0)
	if err != nil {
		return err
	}
	h, aead, err := fs.openHeader(report.Path, raw[:n])
	if err != nil {
		return err
	}
	report.set(h)
	file, err := openSegments(base, report.Path, report.PhysicalSize, aead, fs.bufs)
	if err != nil {
		return err
	}
	report.LogicalSize, err = readThrough(file)
	return err
}

// readThrough reads, and so authenticates, every segment.
func readThrough(file *segmentReader) (read int64, err error) {
	buf := make([]byte, min(longestRead, max(file.size, 1)))
	defer clear(buf)
	for err == nil {
		var n int
		n, err = file.Read(buf)
		read += int64(n)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return read, err
}
