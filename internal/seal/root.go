package seal

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"sync"
	"time"

	"github.com/sealtable/sealtable/internal/lockedmem"
	"github.com/sealtable/sealtable/internal/seal/envelope"
)

// Options say how a keyring is sealed and what it must fit.
type Options struct {
	// Seal is the seal of a keyring that is made; 0 means File. When one is opened, 0 means whatever seal it
	// has, and any other value must be that.
	Seal Kind
	// Passphrase gives the passphrase when one is needed. What it returns is wiped.
	Passphrase func() ([]byte, error)
	// External gives what wraps the sealing key of the kinds PKCS11 and AWSKMS; nil means that this program
	// has neither.
	External func(Kind) (Wrapper, error)
	// Installation is the id that the data directory bears; the zero id fits any keyring.
	Installation ID
	// DataDir, unless empty, is a directory that the keyring must not lie in, nor be older than.
	DataDir string
	// Memory holds the keys; nil means an arena of the root's own.
	Memory *lockedmem.Arena
	// Warn hears of what is wrong but does not stop anything: memory that cannot be locked, old content that
	// could not be overwritten. It may be nil.
	Warn func(error)
	// Now tells the time; nil means time.Now.
	Now func() time.Time

	disk   directory
	random io.Reader
	cost   cost
}

// Root is the open keyring of an installation. It is safe for concurrent use.
type Root struct {
	dir          directory
	options      Options
	ownMemory    bool
	installation ID

	writing sync.Mutex // held by whoever replaces the file

	mu         sync.RWMutex // guards what follows; contents is nil once closed
	kind       Kind
	params     *lockedmem.Key // of the seal
	sealKey    *lockedmem.Key
	contents   *contents
	generation uint64
	dataDir    string // the directory that rotations are recorded in; empty if none
	// what the file may be: as it was last read or written, or as a failed write may have left it
	known [][sha256.Size]byte
}

// Create makes a new installation: a root key of version 1 and an installation secret, in a keyring file in
// dir, which is made if need be. It is durable when Create returns.
func Create(dir string, o Options) (*Root, error) {
	return create(dir, o, func(r *Root) (err error) {
		if r.installation, err = newID(r.options.random); err != nil {
			return err
		}
		r.contents, err = r.newContents()
		return err
	})
}

// create makes a keyring file with what fill puts into the root.
func create(dir string, o Options, fill func(*Root) error) (*Root, error) {
	r := prepare(dir, o)
	err := r.create(dir, fill)
	if err != nil {
		_ = r.Close()
		return nil, diskError(dir, err)
	}
	return r, nil
}

func (r *Root) create(dir string, fill func(*Root) error) error {
	if err := checkPlace(dir, &r.options); err != nil {
		return err
	}
	if err := r.dir.Make(); err != nil {
		return err
	}
	if err := r.dir.Check(); err != nil {
		return err
	}
	lock, err := r.dir.Lock(true)
	if err != nil {
		return err
	}
	defer lock.Close()
	found, err := r.dir.Read(keyringName)
	lockedmem.Wipe(found)
	if err == nil {
		return &Error{Kind: ErrExists, Path: r.dir.Path(keyringName),
			Hint: "start with it, or move it away if you are sure that no data depends on it"}
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := fill(r); err != nil {
		return err
	}
	if err := r.fitData(); err != nil {
		return err
	}
	kind := r.options.Seal
	if kind == 0 {
		kind = File
	}
	return r.reseal(kind, r.options)
}

// Open opens the keyring file in dir. It writes nothing.
func Open(dir string, o Options) (*Root, error) {
	r := prepare(dir, o)
	err := r.open(dir)
	if err != nil {
		_ = r.Close()
		return nil, diskError(dir, err)
	}
	return r, nil
}

func (r *Root) open(dir string) error {
	if err := checkPlace(dir, &r.options); err != nil {
		return err
	}
	path := r.dir.Path(keyringName)
	file, err := r.read()
	if err != nil {
		return err
	}
	defer lockedmem.Wipe(file)
	f, err := parseFile(path, keyringMagic, file)
	if err != nil {
		return err
	}
	if o := r.options; o.Seal != 0 && o.Seal != f.kind {
		return &Error{Kind: ErrSealKind, Path: path, Cause: errors.New("it is sealed by " + f.kind.String()),
			Hint: "start without asking for another seal, and change it with `sealtable keys seal`"}
	}
	if want := r.options.Installation; !want.IsZero() && want != f.installation {
		return &Error{Kind: ErrInstallation, Path: path,
			Cause: errors.New("it is of " + f.installation.String() +
				", the data is of " + want.String()), Hint: "give the configuration directory that belongs " +
				"to the data directory"}
	}
	if r.sealKey, r.contents, err = unsealFile(&r.options, path, f); err != nil {
		return err
	}
	// A process that was killed between renaming and syncing may have left names that power loss would undo.
	if err := r.dir.Sync(); err != nil {
		return err
	}
	r.kind = f.kind
	r.installation = f.installation
	r.generation = f.generation
	r.known = [][sha256.Size]byte{sha256.Sum256(file)}
	if r.params, err = keep(r.options.Memory, f.params); err != nil {
		return err
	}
	return r.fitData()
}

// fitData compares the keyring with the data directory, and has rotations recorded there if it holds data.
func (r *Root) fitData() error {
	if r.options.DataDir == "" {
		return nil
	}
	if err := r.CheckVersion(r.options.DataDir); err != nil {
		return err
	}
	if !r.options.Installation.IsZero() {
		r.dataDir = r.options.DataDir
	}
	return nil
}

// read reads the keyring file, while nobody replaces it.
func (r *Root) read() ([]byte, error) {
	file, err := r.readLocked()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &Error{Kind: ErrMissing, Path: r.dir.Path(keyringName),
			Hint: "give the configuration directory of the " +
				"installation, or " + hintBackup}
	}
	return file, err
}

func (r *Root) readLocked() ([]byte, error) {
	if err := r.dir.Check(); err != nil {
		return nil, err
	}
	lock, err := r.dir.Lock(false)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	return r.dir.Read(keyringName)
}

// unsealFile opens the body of a file with the seal that the file names.
func unsealFile(o *Options, path string, f *sealedFile) (*lockedmem.Key, *contents, error) {
	sealer, err := o.sealer(f.kind, path, f.installation)
	if err != nil {
		return nil, nil, err
	}
	key, err := sealer.Open(f.params)
	if err != nil {
		return nil, nil, err
	}
	c, err := openBody(o.Memory, path, f, key)
	if err == nil {
		return key, c, nil
	}
	key.Destroy()
	if errors.Is(err, envelope.ErrNotAuthentic) {
		err = wrongSeal(f.kind, path)
	}
	return nil, nil, err
}

// Close overwrites every key in memory. Keys that were given out go on living, unless the arena was the
// root's own.
func (r *Root) Close() error {
	r.writing.Lock()
	defer r.writing.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.params.Destroy()
	r.sealKey.Destroy()
	if r.contents != nil {
		r.contents.destroy()
		r.contents = nil
	}
	if r.ownMemory {
		return r.options.Memory.Close()
	}
	return nil
}

// InstallationID names the installation.
func (r *Root) InstallationID() ID { return r.installation }

// Status is what may be told of a keyring to anybody who may see its file.
type Status struct {
	Path         string
	Installation ID
	Seal         Kind
	Generation   uint64 // how many times the file was written
	Versions     []VersionStatus
}

// VersionStatus tells of one version of the root key. The last of a keyring is the current one.
type VersionStatus struct {
	Version uint32
	ID      string // hexadecimal; gives nothing away of the key
	Created time.Time
}

// Status reports on the keyring.
func (r *Root) Status() Status {
	r.mu.RLock()
	defer r.mu.RUnlock()
	s := Status{Path: r.dir.Path(keyringName), Installation: r.installation, Seal: r.kind,
		Generation: r.generation}
	if r.contents == nil {
		return s
	}
	for _, v := range r.contents.versions {
		s.Versions = append(s.Versions, VersionStatus{Version: v.number, ID: v.id.String(),
			Created: v.created})
	}
	return s
}

// prepare fills in what options leave open.
func prepare(dir string, o Options) *Root {
	r := &Root{dir: o.disk, options: o}
	if o.Warn == nil {
		r.options.Warn = func(error) {}
	}
	if o.Now == nil {
		r.options.Now = time.Now
	}
	if o.random == nil {
		r.options.random = rand.Reader
	}
	if o.disk == nil {
		r.dir = osDirectory(dir)
	}
	if o.Memory == nil {
		r.options.Memory, r.ownMemory = lockedmem.NewArena(r.options.Warn), true
	}
	return r
}

// newContents makes the keys of a new installation.
func (r *Root) newContents() (*contents, error) {
	secret, err := randomKey(r.options.Memory, r.options.random)
	if err != nil {
		return nil, err
	}
	first, err := r.newVersion(1)
	if err != nil {
		secret.Destroy()
		return nil, err
	}
	return &contents{secret: secret, versions: []rootVersion{first}}, nil
}

func (r *Root) newVersion(number uint32) (rootVersion, error) {
	key, err := randomKey(r.options.Memory, r.options.random)
	if err != nil {
		return rootVersion{}, err
	}
	id, err := identify(key)
	if err != nil {
		key.Destroy()
		return rootVersion{}, err
	}
	return rootVersion{number: number, created: r.options.Now().UTC().Truncate(time.Second), key: key,
		id: id}, nil
}

func checkPlace(dir string, o *Options) error {
	if o.DataDir == "" {
		return nil
	}
	return CheckSeparate(dir, o.DataDir)
}

// diskError gives errors of the file system the shape of all others.
func diskError(path string, err error) error {
	var known *Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	return &Error{Kind: ErrDisk, Path: path, Cause: err}
}

// sameFile says whether the file is one that this root knows.
func (r *Root) sameFile(file []byte) bool {
	sum := sha256.Sum256(file)
	for _, known := range r.known {
		if bytes.Equal(sum[:], known[:]) {
			return true
		}
	}
	return false
}
