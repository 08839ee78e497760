package trail

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestAFullDiskCostsNoOldFile fails more writes than the trail keeps files, as a disk does that is full for a
// few seconds.
func TestAFullDiskCostsNoOldFile(t *testing.T) {
	for _, broken := range []string{"writes", "syncs", "creates"} {
		t.Run(broken, func(t *testing.T) {
			weak := &weakFS{FS: vfs.NewMem()}
			fs := sealed(weak)
			trail := opened(t, fs, io.Discard)
			trail.series[data].files = 3
			trail.Record(call("before"))
			if err := trail.Flush(); err != nil {
				t.Fatal(err)
			}
			flag := map[string]interface {
				Store(bool)
			}{"writes": &weak.breakWrites, "syncs": &weak.breakSyncs, "creates": &weak.breakCreates}[broken]
			flag.Store(true)
			trail.series[data].fileLimit = 1 // what was begun is full
			trail.Record(call("during"))
			for range 20 {
				if err := trail.Flush(); !errors.Is(err, errWeak) {
					t.Fatalf("flushing to a full disk: %v", err)
				}
			}
			flag.Store(false)
			if err := trail.Close(); err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(requests(t, fs)); got != "[before during]" {
				t.Errorf("after the disk had room again: %s", got)
			}
			if numbers, _ := fileNumbers(fs, "trail", "trail"); fmt.Sprint(numbers) != "[1 2]" {
				t.Errorf("files %v: failed attempts must leave none behind", numbers)
			}
		})
	}
}

// TestRestartsCostNoOldFile starts more often than the trail keeps files: a server that is restarted in a
// loop keeps its history.
func TestRestartsCostNoOldFile(t *testing.T) {
	fs := vfs.NewMem()
	for start := range 10 {
		trail := opened(t, fs, io.Discard)
		trail.series[data].files = 3
		trail.Record(call(fmt.Sprint(start)))
		if err := trail.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got := fmt.Sprint(requests(t, fs)); got != "[0 1 2 3 4 5 6 7 8 9]" {
		t.Errorf("kept %s", got)
	}
}

// TestATornEndIsHealedWhenThereIsRoom starts on a full disk, after a crash that left a torn end.
func TestATornEndIsHealedWhenThereIsRoom(t *testing.T) {
	weak := &weakFS{FS: vfs.NewMem()}
	written(t, weak)
	change(t, weak.FS, newestFile, func(b []byte) []byte { return b[:len(b)-1] })
	fs := sealed(weak)
	if torn, err := tornIn(fs)(newestFile); !torn || err != nil {
		t.Fatalf("the file is torn: %t, %v", torn, err)
	}
	weak.breakCreates.Store(true)
	trail := opened(t, fs, io.Discard)
	trail.o.Torn = tornIn(fs)
	numbers, _ := fileNumbers(fs, "trail", "trail")
	trail.series[data].healTorn(numbers[len(numbers)-1])
	weak.breakCreates.Store(false)
	trail.Record(call("later"))
	if err := trail.Close(); err != nil {
		t.Fatal(err)
	}
	if torn, err := tornIn(fs)(newestFile); torn || err != nil {
		t.Errorf("the file is torn still: %t, %v", torn, err)
	}
}
