package storage_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/sealtable/sealtable/internal/storage"
)

// TestSealedErrorNamesTheTableOnce: what a key source says of the same table is passed on as it is, and of another one is told apart.
func TestSealedErrorNamesTheTableOnce(t *testing.T) {
	one, two := storage.TableID{1}, storage.TableID{2}
	locked := errors.New("the keys are locked")
	inner := &storage.SealedError{Table: one, Cause: locked}
	for _, c := range []struct {
		err  error
		want string
	}{
		{inner, fmt.Sprintf("table %s is sealed: the keys are locked", one)},
		{&storage.SealedError{Table: one, Cause: inner}, inner.Error()},
		{&storage.SealedError{Table: one, Cause: fmt.Errorf("opening: %w", inner)}, "opening: " + inner.Error()},
		{&storage.SealedError{Table: two, Cause: inner}, fmt.Sprintf("table %s is sealed: %s", two, inner)},
	} {
		if c.err.Error() != c.want || !errors.Is(c.err, locked) {
			t.Errorf("the error is %q, want %q", c.err, c.want)
		}
	}
}
