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

// steadily runs a check again while it fails and the files that it is about keep changing: a server may be at work on them.
func (i *inspection) steadily(check func() error, prefixes ...string) error {
	for try := 1; ; try++ {
		before := i.fingerprint(prefixes...)
		err := check()
		if err == nil || try == steadyTries || i.ctx.Err() != nil {
			return err
		}
		if i.pause(steadyPause << (try - 1)); i.fingerprint(prefixes...) == before {
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

// fingerprint is different when a file whose path begins with one of the prefixes came, went, or was written to.
func (i *inspection) fingerprint(prefixes ...string) string {
	files, err := embedded.Files(i.disk, i.o.Dir)
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for _, f := range files {
		for _, prefix := range prefixes {
			if !strings.HasPrefix(f.Path, prefix) {
				continue
			}
			if info, err := i.disk.Stat(i.path(f.Path)); err == nil {
				fmt.Fprintf(&b, "%s %d %d\n", f.Path, info.Size(), info.ModTime().UnixNano())
			}
		}
	}
	return b.String()
}
