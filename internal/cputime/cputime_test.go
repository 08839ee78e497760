package cputime

import (
	"crypto/sha256"
	"testing"
	"time"
)

// TestWorkCountsAndWaitingDoesNot works until a millisecond of CPU time is used, and then waits.
func TestWorkCountsAndWaitingDoesNot(t *testing.T) {
	spent := Start(t)
	before := ofThread()
	for ofThread()-before < time.Millisecond {
		_ = sha256.Sum256(make([]byte, 1<<10))
	}
	if took := spent(); took < time.Millisecond {
		t.Errorf("a millisecond of work took %v", took)
	}
	begun := time.Now()
	spent = Start(t)
	<-time.After(300 * time.Millisecond)
	if took, waited := spent(), time.Since(begun); took > waited/2 {
		t.Errorf("waiting for %v took %v", waited, took)
	}
}
