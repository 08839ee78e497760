package inspect

import (
	"fmt"
	"strings"
	"time"

	"github.com/sealtable/sealtable/internal/storage/embedded"
)

const (
	steadyTries = 6
	steadyPause = 20 * time.Millisecond // doubled each time
)

// steadily runs a check again while it fails and the files or directories that it is about keep changing: a
// server may be at work on them.
func (i *inspection) steadily(check func() error, paths ...string) error {
	for try := 1; ; try++ {
		before := i.fingerprint(paths...)
		err := check()
		if err == nil || try == steadyTries || i.ctx.Err() != nil {
			return err
		}
		i.pause(steadyPause << (try - 1))
		if i.fingerprint(paths...) == before {
			return err
		}
	}
}

func (i *inspection) pause(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-i.ctx.Done():
	}
}

// fingerprint is different when a file of these paths, or in them, came, went, or was written to.
func (i *inspection) fingerprint(paths ...string) string {
	var b strings.Builder
	for _, path := range paths {
		if info, err := i.disk.Stat(i.path(path)); err == nil && info.IsDir() {
			files, err := embedded.Files(i.disk, i.path(path))
			for _, f := range files {
				i.addFingerprint(&b, i.path(path, f.Path))
			}
			fmt.Fprintln(&b, err)
			continue
		}
		i.addFingerprint(&b, i.path(path))
	}
	return b.String()
}

func (i *inspection) addFingerprint(b *strings.Builder, path string) {
	info, err := i.disk.Stat(path)
	if err != nil {
		fmt.Fprintln(b, path, err)
		return
	}
	fmt.Fprintln(b, path, info.Size(), info.ModTime().UnixNano())
}
