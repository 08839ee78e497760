package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// notesFile holds what the command line did to an installation whose server did not run. Whoever can change
// it can change the keyring beside it.
const notesFile = "unrecorded"

// maxNotes is how many bytes of notes are read at once.
const maxNotes = 1 << 20

// Note is something that the command line did, for the trail.
type Note struct {
	Time    time.Time         `json:"time"`
	Name    string            `json:"name"`
	Details map[string]string `json:"details,omitempty"`
}

// AddNote leaves a note for the next start of the server.
func AddNote(dir string, n Note) error {
	line, err := json.Marshal(n)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(filepath.Join(dir, notesFile), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("noting what was done: %w", err)
	}
	_, err = file.Write(append(line, '\n'))
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// TakeNotes hands over the notes that there are, and removes them when record returned no error. A line that
// is no note, such as one that was cut short, becomes a note that says so.
func TakeNotes(dir string, record func([]Note) error) error {
	path := filepath.Join(dir, notesFile)
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	content, err := io.ReadAll(io.LimitReader(file, maxNotes))
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := record(parseNotes(content)); err != nil {
		return err
	}
	return os.Remove(path)
}

func parseNotes(content []byte) (notes []Note) {
	for line := range bytes.Lines(content) {
		var n Note
		if json.Unmarshal(line, &n) != nil || n.Name == "" {
			n = Note{Name: "UnreadableNote"}
		}
		notes = append(notes, n)
	}
	return notes
}
