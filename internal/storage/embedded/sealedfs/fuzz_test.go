package sealedfs

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

// FuzzHeader: any bytes are a header or ErrNotAuthentic, and one that this package did not seal is never opened.
func FuzzHeader(f *testing.F) {
	fs, mem := goldenFS()
	write(f, fs, "000005.sst", []byte("x"))
	sealed := raw(f, mem, "000005.sst")
	f.Add(sealed[:headerSize])
	f.Add(sealed[:20])
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := parseHeader("x", data); err != nil && !errors.Is(err, ErrNotAuthentic) {
			t.Fatal(err)
		}
		_, _, err := fs.openHeader("000005.sst", data)
		if authentic := len(data) >= headerSize && bytes.Equal(data[:headerSize], sealed[:headerSize]); authentic != (err == nil) {
			t.Fatal(err)
		}
	})
}

// patched is a file that was written properly, with the fuzzer's bytes laid over it from at on, cut or lengthened to fit.
func patched(f *testing.F, name string, writes ...[]byte) func(at uint16, patch []byte) (changed, sealed []byte) {
	fs, mem := goldenFS()
	file, err := fs.Create(name, "")
	must(f, err)
	for _, p := range writes {
		_, err := file.Write(p)
		must(f, err)
		must(f, file.Sync())
	}
	must(f, file.Close())
	sealed := raw(f, mem, name)
	return func(at uint16, patch []byte) ([]byte, []byte) {
		return append(bytes.Clone(sealed[:min(int(at), len(sealed))]), patch...), sealed
	}
}

// FuzzSegments: arbitrary bytes give what was written, whole, or ErrNotAuthentic.
func FuzzSegments(f *testing.F) {
	plain := pattern(segmentSize + 50)
	change := patched(f, "000005.sst", plain)
	_, sealed := change(0, nil)
	f.Add(uint16(0), sealed)
	f.Add(uint16(headerSize), sealed[headerSize:])
	f.Add(uint16(5000), []byte{})
	f.Add(uint16(headerSize+segmentSpan), []byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, at uint16, patch []byte) {
		changed, sealed := change(at, patch)
		got, err := readFuzzed(t, "000005.sst", changed)
		if bytes.Equal(changed, sealed) {
			if err != nil || !bytes.Equal(got, plain) {
				t.Fatal(err)
			}
		} else if !errors.Is(err, ErrNotAuthentic) {
			t.Fatalf("%d bytes of a changed file, %v", len(got), err)
		}
	})
}

// FuzzFrames: arbitrary bytes give a prefix of what was written, or ErrNotAuthentic.
func FuzzFrames(f *testing.F) {
	plain := pattern(300)
	change := patched(f, "000005.log", plain[:100], plain[100:101], plain[101:])
	_, sealed := change(0, nil)
	f.Add(uint16(0), sealed)
	f.Add(uint16(headerSize), sealed[headerSize+10:])
	f.Add(uint16(headerSize+frameMore+100), make([]byte, 200))
	f.Add(uint16(0), make([]byte, 300))
	f.Fuzz(func(t *testing.T, at uint16, patch []byte) {
		changed, _ := change(at, patch)
		got, err := readFuzzed(t, "000005.log", changed)
		if err != nil && !errors.Is(err, ErrNotAuthentic) || !bytes.HasPrefix(plain, got) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
	})
}

// readFuzzed reads a file of these bytes, and wants size and verification to agree with what was read.
func readFuzzed(t *testing.T, name string, data []byte) ([]byte, error) {
	t.Helper()
	fs, mem := goldenFS()
	setRaw(t, mem, name, data)
	report, verifyErr := fs.Verify(name)
	file, err := fs.Open(name)
	if err != nil {
		if verifyErr == nil {
			t.Fatalf("verified, but: %v", err)
		}
		return nil, err
	}
	defer file.Close()
	got, err := io.ReadAll(file)
	if verifyErr == nil && (err != nil || report.LogicalSize != int64(len(got))) {
		t.Fatalf("%+v verified; read %d bytes, %v", report, len(got), err)
	}
	return got, err
}
