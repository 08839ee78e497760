package control

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestNotesAreTakenOnce, and stay as long as they could not be recorded.
func TestNotesAreTakenOnce(t *testing.T) {
	dir := t.TempDir()
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	for _, n := range []Note{{Time: at, Name: "RotateRootKey", Details: map[string]string{"version": "2"}},
		{Time: at, Name: "ChangeSeal"}} {
		if err := AddNote(dir, n); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, notesFile)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = file.WriteString(`{"time":"2026-`)
	}
	if err = errors.Join(err, file.Close()); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("the trail is broken")
	if err := TakeNotes(dir, func([]Note) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	var got []Note
	for range 2 {
		if err := TakeNotes(dir, func(notes []Note) error { got = append(got, notes...); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	want := []Note{{at, "RotateRootKey", map[string]string{"version": "2"}}, {Time: at, Name: "ChangeSeal"}, {Name: "UnreadableNote"}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
}
