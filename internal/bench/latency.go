package main

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"time"
)

// latency compares one durable PutItem at rest with what the disk takes to sync one page, in turns.
func (b *bench) latency(in *installation) (err error) {
	c, err := dial(in.address)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	disk, err := newSyncer(filepath.Join(in.dir, "syncs"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, disk.close()) }()
	requests := in.puts()()
	var puts, syncs []float64
	for range b.rounds {
		each, err := c.latencies(requests, 300)
		if err != nil {
			return err
		}
		puts = append(puts, milliseconds(median(each)))
		if each, err = disk.latencies(300); err != nil {
			return err
		}
		syncs = append(syncs, milliseconds(median(each)))
	}
	// The design asks for 0.3 ms where a sync takes 0.15 ms.
	sync := median(syncs)
	b.results.atMost("PutItem at rest, p50 (target: 0.15 ms over a sync)", "ms", 0.15+sync, median(puts))
	b.results.note("  sync of one page, p50", "ms", sync)
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }

// syncer overwrites a file page by page, as the journal does.
type syncer struct {
	file  *os.File
	pages int64
	next  int64
}

func newSyncer(path string) (*syncer, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	s := &syncer{file: file, pages: 1024}
	if _, err := file.Write(make([]byte, s.pages*4096)); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return s, file.Sync()
}

func (s *syncer) latencies(n int) ([]time.Duration, error) {
	page := make([]byte, 4096)
	out := make([]time.Duration, n)
	for i := range out {
		begin := time.Now()
		if _, err := s.file.WriteAt(page, s.next%s.pages*4096); err != nil {
			return nil, err
		}
		if err := syncData(s.file); err != nil {
			return nil, err
		}
		out[i] = time.Since(begin)
		s.next++
	}
	return out, nil
}

func (s *syncer) close() error { return s.file.Close() }

// freeAddress is a loopback address that nobody listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
