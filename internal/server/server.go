// Package server puts the installation together: it opens what a server needs from top to bottom, answers
// requests, and closes everything in reverse.
//
// Callers may rely on this: Open either returns a server that is ready, or leaves nothing open and says in
// one line what is wrong; Close answers the requests in flight, makes everything durable, and zeroes the
// keys.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sealtable/sealtable/internal/auth/authorizer"
	"github.com/sealtable/sealtable/internal/auth/credentials"
	"github.com/sealtable/sealtable/internal/auth/sigv4"
	"github.com/sealtable/sealtable/internal/catalog"
	"github.com/sealtable/sealtable/internal/clock"
	"github.com/sealtable/sealtable/internal/control"
	"github.com/sealtable/sealtable/internal/custody"
	"github.com/sealtable/sealtable/internal/custody/viakms"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/identity"
	"github.com/sealtable/sealtable/internal/keyring"
	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/pages"
	"github.com/sealtable/sealtable/internal/seal"
	"github.com/sealtable/sealtable/internal/service"
	"github.com/sealtable/sealtable/internal/service/account"
	"github.com/sealtable/sealtable/internal/service/dynamodb"
	"github.com/sealtable/sealtable/internal/service/iam"
	"github.com/sealtable/sealtable/internal/service/kms"
	"github.com/sealtable/sealtable/internal/service/sts"
	"github.com/sealtable/sealtable/internal/storage"
	"github.com/sealtable/sealtable/internal/storage/embedded"
	"github.com/sealtable/sealtable/internal/tablekeys"
	"github.com/sealtable/sealtable/internal/trail"
	"github.com/sealtable/sealtable/internal/upkeep"
	"github.com/sealtable/sealtable/internal/wire"
	"github.com/sealtable/sealtable/internal/wire/router"
)

// The system tables: which of the installation's own records lies where.
const (
	catalogTable = 1
	trailOwner   = 2 // no table: the owner that the trail's files are sealed for

	tableRecords     storage.Collection = 1
	kmsRecords       storage.Collection = 2
	principalRecords storage.Collection = 3
)

// Where things lie in the data directory, beside what the store keeps there.
const (
	materialDir = "keys"
	trailDir    = "trail"
)

// Server is an installation that is open.
type Server struct {
	config   Config
	log      *slog.Logger
	clock    *clock.Clock
	arena    *lockedmem.Arena
	root     *seal.Root
	ring     *tablekeys.Ring
	store    *embedded.Store
	keys     *keyring.Keyring
	people   *identity.Directory
	engine   *engine.Engine
	path     *service.Path
	kms      *kms.Service
	custody  *custody.Custody
	recount  *recounter
	trail    *trail.Trail
	dynamodb *dynamodb.Service
	handler  wire.Handler
	fronts   *fronts
	upkeep   *upkeep.Upkeep
	// skipped is why the database's own work leaves tables alone: storage.TableID → string.
	skipped  sync.Map
	requests *prometheus.CounterVec // nil where metrics are not served
	rootKey  credentials.Key
	roots    rootSecrets

	control *control.Server // nil where there can be none
	waiter  *waiter         // nil unless the server began sealed

	sealed  atomic.Bool
	ready   atomic.Bool
	failed  chan error     // what ends a server that began well
	closers []func() error // in the order of opening
}

// step is one part of opening a server.
type step struct {
	name string
	open func(context.Context) error
}

// Open opens the installation and listens. A server that was told to wait for its root key may come back
// sealed: it refuses every operation until it is unsealed.
func Open(ctx context.Context, config Config) (_ *Server, err error) {
	if err := config.check(); err != nil {
		return nil, &ConfigError{err}
	}
	s := &Server{config: config, log: config.Log, clock: clock.New(), failed: make(chan error, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	source := &onceOnly{source: config.Passphrase}
	if config.WaitForUnseal {
		s.config.Passphrase = source.ask
	}
	err = s.openAll(ctx, []step{{"memory for keys", s.openMemory}, {"root key", s.openRoot}})
	source.saw(err)
	if config.WaitForUnseal && waits(err) && s.hasKeyring() {
		return s, s.openSealed(ctx, source, err)
	}
	if err != nil {
		return nil, err
	}
	if err := s.openAll(ctx, append(s.afterRoot(), step{"listeners", s.openFronts},
		step{"control socket", s.openControl})); err != nil {
		return nil, err
	}
	s.ready.Store(true)
	return s, nil
}

// afterRoot is what can be opened once the root key is there. Each step needs those before it; close undoes
// them in reverse.
func (s *Server) afterRoot() []step {
	return []step{
		{"store", s.openStore},
		{"trail", s.openTrail},
		{"keys", s.openKeys},
		{"principals", s.openDirectory},
		{"metrics and profiles", s.openAdmin},
		{"key service", s.openKeyService},
		{"tables", s.openTables},
		{"services", s.openServices},
		{"background work", s.openUpkeep},
		{"sweep of keys", s.openSweeps},
		{"counts of tables", s.openRecount},
		{"expiry of items", s.openExpiry},
	}
}

func (s *Server) openAll(ctx context.Context, steps []step) error {
	for _, step := range steps {
		if err := step.open(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

// onClose adds to what Close does, before what was added earlier.
func (s *Server) onClose(closer func() error) { s.closers = append(s.closers, closer) }

// close ends first what brings work in, and then closes in reverse what was opened.
func (s *Server) close() error {
	s.ready.Store(false)
	var errs []error
	if s.control != nil {
		errs = append(errs, s.control.Close())
		s.control = nil
	}
	if s.waiter != nil {
		s.waiter.stop()
	}
	if s.fronts != nil {
		errs = append(errs, s.fronts.shutdown())
		s.fronts.serving = nil
	}
	for _, closer := range slices.Backward(s.closers) {
		errs = append(errs, closer())
	}
	s.closers = nil
	return errors.Join(errs...)
}

// Close stops accepting, waits for the requests in flight, and closes everything.
func (s *Server) Close() error { return s.close() }

func (s *Server) openMemory(context.Context) error {
	s.arena = lockedmem.NewArena(func(err error) {
		s.log.Warn("keys are held in memory that may be swapped out", "error", err)
	})
	s.onClose(s.arena.Close)
	return nil
}

func (s *Server) openRoot(context.Context) error { return s.openRootWith(&s.config) }

func (s *Server) openRootWith(config *Config) error {
	root, err := openRoot(config, s.arena)
	if err != nil {
		return err
	}
	s.root = root
	s.onClose(root.Close)
	if s.rootKey, err = credentials.Load(s.config.ConfigDir); err != nil {
		return err
	}
	return s.loadAccounts()
}

// loadAccounts reads the root access keys of the further accounts, at the start and when some came or went.
func (s *Server) loadAccounts() error {
	further, err := credentials.Accounts(s.config.ConfigDir)
	if err != nil {
		return err
	}
	before := s.roots.accounts()
	s.roots.put(s.config.Account, s.rootKey, further)
	s.recordRootKeys(before, s.roots.accounts())
	return nil
}

func (s *Server) openStore(context.Context) error {
	ring, err := tablekeys.New(vfs.Default, s.config.DataDir, s.root, s.arena, s.log)
	if err != nil {
		return err
	}
	s.ring = ring
	s.onClose(ring.Close)
	frameKey, err := s.root.InstallationKey(seal.Journal)
	if err != nil {
		return err
	}
	defer frameKey.Destroy()
	options := embedded.Options{FS: vfs.Default, Dir: s.config.DataDir, Keys: ring, Memory: s.arena,
		Logger: s.log, Clock: s.clock}
	if err := frameKey.CopyTo(options.FrameKey[:]); err != nil {
		return err
	}
	defer clear(options.FrameKey[:])
	s.store, err = embedded.Open(options)
	if err != nil {
		return err
	}
	s.onClose(s.store.Close)
	return nil
}

func (s *Server) openTrail(context.Context) error {
	sealed := s.trailFS()
	t, err := trail.Open(trail.Options{
		FS: sealed, Dir: filepath.Join(s.config.DataDir, trailDir), MaxFiles: s.config.TrailFiles,
		Clock: s.clock, Log: s.log, Torn: tornEnd(sealed),
	})
	if err != nil {
		return err
	}
	s.trail = t
	s.onClose(t.Close)
	s.takeNotes()
	return nil
}

func (s *Server) openKeys(ctx context.Context) error {
	records, err := catalog.Open(ctx, s.store, catalogTable, kmsRecords)
	if err != nil {
		return err
	}
	s.keys, err = keyring.Open(ctx, keyring.Config{
		FS: vfs.Default, Dir: filepath.Join(s.config.DataDir, materialDir), Root: rootKey{s.root},
		Records: keyRecords{records},
		Clock:   s.clock, Arena: s.arena, Transition: s.config.Transition, Log: s.log,
		Happened: s.recordKeyEvent,
	})
	if err != nil {
		return err
	}
	s.onClose(s.keys.Close)
	return nil
}

func (s *Server) openDirectory(ctx context.Context) error {
	records, err := catalog.Open(ctx, s.store, catalogTable, principalRecords)
	if err != nil {
		return err
	}
	secrets, err := s.root.InstallationKey(seal.IAMSecrets)
	if err != nil {
		return err
	}
	s.people, err = identity.Open(ctx, identity.Config{Records: records, Secrets: secrets, Clock: s.clock,
		Log: s.log})
	if err != nil {
		secrets.Destroy()
		return err
	}
	s.onClose(s.people.Close)
	return nil
}

func (s *Server) openTables(ctx context.Context) error {
	records, err := catalog.Open(ctx, s.store, catalogTable, tableRecords)
	if err != nil {
		return err
	}
	s.engine, err = engine.Open(ctx, engine.Options{
		Store: s.store, Records: records, Clock: s.clock, Log: s.log,
		DestroyKeys: s.custody.Destroy,
	})
	if err != nil {
		return err
	}
	return s.custody.Reconcile(ctx, s.subjects())
}

// subjects are the tables that have keys to look after.
func (s *Server) subjects() (subjects []custody.Subject) {
	for _, t := range s.engine.AllTables() {
		if !t.Deleting {
			subjects = append(subjects, subjectOf(t))
		}
	}
	return subjects
}

// openKeyService opens the key service, and custody of tables on top of it.
func (s *Server) openKeyService(context.Context) error {
	s.path = &service.Path{Authorizer: authorizer.New(s.people, s.clock),
		Recorder: used{next: s.recorder(), people: s.people}}
	s.kms = kms.New(kms.Options{Keys: s.keys, Path: s.path, Clock: s.clock, Principals: s.people})
	s.custody = custody.New(custody.Options{
		Keys: viakms.New(s.kms, s.keys), Ring: s.ring, Store: s.store, Clock: s.clock,
		Lifetime: s.config.KeyCacheLifetime, Log: s.log,
	})
	return nil
}

func (s *Server) openServices(ctx context.Context) error {
	s.dynamodb = dynamodb.New(dynamodb.Options{
		Engine: s.engine, Keys: s.tableKeys(), Clock: s.clock, Transition: s.config.Transition,
		Authorizer: s.path.Authorizer, Principals: s.people, EnforceThroughput: s.config.EnforceThroughput,
	})
	if err := s.dynamodb.ResumeDeletions(ctx); err != nil {
		return err
	}
	s.dynamodb.ResumeIndexes()
	streams, err := s.newStreams()
	if err != nil {
		return err
	}
	holders := &accessKeys{root: &s.roots, people: s.people}
	issuers, err := s.config.issuers()
	if err != nil {
		return err
	}
	tokens := sts.New(sts.Options{Directory: s.people, Accounts: holders, Path: s.path, Clock: s.clock,
		Issuers: issuers})
	s.handler = router.New(router.Options{
		Services: knownServices(),
		Operations: newOperations(s.dynamodb.Table(s.path), streams.Table(s.path), s.kms.Table(),
			iam.New(s.people, s.path).WithRootKeys(s.hasRootKey).Table(), tokens.Table(),
			account.New(s.path)),
		Verifier: sigv4.New(holders, s.clock, s.admission()),
		Unsigned: sts.Unsigned,
		Pages:    s.guard(),
		Mounts:   s.mounts(),
		Log:      s.log,
	})
	return nil
}

// hasRootKey says whether anybody can sign as an account's root user. Where strangers are let in as that, one
// always can.
func (s *Server) hasRootKey(account string) bool { return s.config.Open || s.roots.of(account) }

// guard keeps the pages of others away from a server that lets in unknown keys.
func (s *Server) guard() *pages.Guard {
	if !s.config.Open {
		return nil
	}
	return &pages.Guard{Origins: s.config.AllowOrigins}
}

func (s *Server) admission() sigv4.Admission {
	if s.config.Open {
		return sigv4.Open(s.config.Account, s.config.AllowOrigins...)
	}
	return sigv4.Strict()
}

// RootCredentials is the access key of the account's root user. A sealed server has none yet.
func (s *Server) RootCredentials() credentials.Key { return s.rootKey }

// Addresses are where the server listens, with the ports that were taken.
func (s *Server) Addresses() []string { return s.fronts.addresses() }

// makeDirs makes the data directory, readable by its owner alone.
func makeDirs(config *Config) error {
	if err := os.MkdirAll(config.DataDir, 0o700); err != nil {
		return fmt.Errorf("making the data directory: %w", err)
	}
	return nil
}
