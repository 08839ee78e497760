package sealedfs

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sealtable/sealtable/internal/storage"
)

// The header of every sealed file, drawn in docs/format/sealed-file.md.
const (
	headerSize    = 64
	headerText    = headerSize - tagSize // what the header's tag authenticates
	magic         = "SEALFILE"
	formatVersion = 1
	// algorithmGCM is AES-256-GCM under a key derived with HKDF-SHA-256.
	algorithmGCM  = 1
	algorithmName = "AES-256-GCM, HKDF-SHA-256"
	saltSize      = 32
	tagSize       = 16
	nonceSize     = 12
	// purpose keeps file keys apart from everything else that is derived from a data key.
	purpose = "sealtable sealed file"
)

// Kind is how a file's bytes are laid out behind its header.
type Kind uint8

const (
	// KindEmpty has neither header nor bytes: the name says all. Pebble's markers and its lock file.
	KindEmpty Kind = 0
	// KindSegments is written once and read at random: tables and blob files.
	KindSegments Kind = 1
	// KindFrames is appended to and read from the start: everything else.
	KindFrames Kind = 2
)

func (k Kind) String() string {
	switch k {
	case KindEmpty:
		return "empty"
	case KindSegments:
		return "segments"
	case KindFrames:
		return "frames"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Header is what a sealed file says about itself in the clear. Without the key it is a claim: only FS
// authenticates it.
type Header struct {
	Version   uint8
	Algorithm string
	Kind      Kind
	Epoch     storage.Epoch
	Salt      [saltSize]byte
}

// ReadHeader reads the header of the file at path of the base file system, without any key. Files that have
// no header because they are empty, and may be, have KindEmpty. What cannot be the header of a sealed file is
// ErrNotAuthentic.
func ReadHeader(base vfs.FS, path string) (Header, error) {
	file, err := base.Open(path)
	if err != nil {
		return Header{}, err
	}
	defer file.Close()
	var raw [headerSize]byte
	n, err := readUpTo(file, raw[:], 0)
	if err != nil {
		return Header{}, err
	}
	if kindOf(base.PathBase(path)) == KindEmpty {
		return emptyHeader(path, n)
	}
	return parseHeader(path, raw[:n])
}

func emptyHeader(path string, size int) (Header, error) {
	if size != 0 {
		return Header{}, notAuthentic(path, "this file must be empty")
	}
	return Header{Algorithm: "none", Kind: KindEmpty}, nil
}

// readUpTo fills p from off, less only where the file ends.
func readUpTo(file io.ReaderAt, p []byte, off int64) (int, error) {
	n, err := file.ReadAt(p, off)
	if n == len(p) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return n, nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return n, err
}

func parseHeader(path string, raw []byte) (Header, error) {
	if len(raw) < headerSize {
		return Header{}, notAuthentic(path, "it is too short for a header")
	}
	if string(raw[:8]) != magic {
		return Header{}, notAuthentic(path, "it does not begin like a sealed file")
	}
	if raw[8] != formatVersion || raw[9] != algorithmGCM || raw[11] != 0 {
		return Header{}, notAuthentic(path, "its version or algorithm is unknown")
	}
	h := Header{Version: raw[8], Algorithm: algorithmName, Kind: Kind(raw[10]),
		Epoch: storage.Epoch(binary.BigEndian.Uint32(raw[12:]))}
	if h.Kind != KindSegments && h.Kind != KindFrames {
		return Header{}, notAuthentic(path, "its kind is unknown")
	}
	if h.Epoch == 0 {
		return Header{}, notAuthentic(path, "its key epoch is 0")
	}
	copy(h.Salt[:], raw[16:])
	return h, nil
}

// newHeader draws a salt and gives the sealed header of a new file, with the cipher for its contents.
func (fs *FS) newHeader(path string, kind Kind) (raw []byte, aead cipher.AEAD, err error) {
	epoch, err := fs.keys.Current()
	if err != nil {
		return nil, nil, fmt.Errorf("current data key for %s: %w", path, err)
	}
	h := Header{Version: formatVersion, Algorithm: algorithmName, Kind: kind, Epoch: epoch}
	if _, err := io.ReadFull(fs.random, h.Salt[:]); err != nil {
		return nil, nil, fmt.Errorf("salt for %s: %w", path, err)
	}
	aead, err = fs.fileCipher(h, path)
	if err != nil {
		return nil, nil, err
	}
	return sealHeader(h, aead), aead, nil
}

func sealHeader(h Header, aead cipher.AEAD) []byte {
	raw := make([]byte, 0, headerSize)
	raw = append(raw, magic...)
	raw = append(raw, h.Version, algorithmGCM, byte(h.Kind), 0)
	raw = binary.BigEndian.AppendUint32(raw, uint32(h.Epoch))
	raw = append(raw, h.Salt[:]...)
	return aead.Seal(raw, headerNonce(), nil, raw)
}

// headerNonce is apart from those of segments and frames, whose first eight bytes are an index that never
// gets there.
func headerNonce() []byte { return bytes.Repeat([]byte{0xff}, nonceSize) }

// openHeader authenticates a header that was read from the file at path, and gives the cipher for the
// contents.
func (fs *FS) openHeader(path string, raw []byte) (Header, cipher.AEAD, error) {
	h, err := parseHeader(path, raw)
	if err != nil {
		return Header{}, nil, err
	}
	if h.Kind != kindOf(fs.base.PathBase(path)) {
		return Header{}, nil, notAuthentic(path, "it is of a kind that does not go with its name")
	}
	aead, err := fs.fileCipher(h, path)
	if err != nil {
		return Header{}, nil, err
	}
	if _, err := aead.Open(nil, headerNonce(), raw[headerText:headerSize], raw[:headerText]); err != nil {
		return Header{}, nil, notAuthentic(path, "its header was not written for this owner and this name")
	}
	return h, aead, nil
}

// fileCipher derives the key of one file's life (RFC 5869) and forgets everything but the cipher.
func (fs *FS) fileCipher(h Header, path string) (cipher.AEAD, error) {
	var dataKey [storage.KeySize]byte
	defer clear(dataKey[:])
	if err := fs.keys.Key(h.Epoch, &dataKey); err != nil {
		return nil, fs.keyError(h.Epoch, path, err)
	}
	fileKey, err := hkdf.Key(sha256.New, dataKey[:], h.Salt[:], fs.derivation(h, path), storage.KeySize)
	if err != nil {
		return nil, fmt.Errorf("file key of %s: %w", path, err)
	}
	defer clear(fileKey)
	block, err := aes.NewCipher(fileKey)
	if err != nil {
		return nil, fmt.Errorf("file key of %s: %w", path, err)
	}
	return cipher.NewGCM(block)
}

// derivation is HKDF's info. Everything in front of the name has a fixed length, so that no two files share
// it.
func (fs *FS) derivation(h Header, path string) string {
	info := append([]byte(purpose), h.Version, algorithmGCM, byte(h.Kind))
	info = append(info, fs.owner[:]...)
	return string(append(info, boundName(fs.base.PathBase(path))...))
}

// keyError tells a file that names a key which never was from a key that cannot be had now.
func (fs *FS) keyError(epoch storage.Epoch, path string, cause error) error {
	current, err := fs.keys.Current()
	if errors.Is(cause, ErrUnknownEpoch) || err == nil && epoch > current {
		return &NotAuthenticError{Path: path, Reason: fmt.Sprintf("its key epoch %d is unknown", epoch),
			cause: cause}
	}
	return fmt.Errorf("data key of epoch %d for %s: %w", epoch, path, cause)
}
