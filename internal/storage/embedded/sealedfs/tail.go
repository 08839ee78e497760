package sealedfs

import "io"

// Tail reads an appended file that may still be written to: after it said io.EOF it goes on when more is
// there. Like every reader it stops in front of bytes that are no frame yet.
type Tail struct{ file *frameReader }

// OpenTail opens an appended file from its start.
func (fs *FS) OpenTail(name string) (*Tail, error) {
	if kindOf(fs.base.PathBase(name)) != KindFrames {
		return nil, unsupported("following", name)
	}
	base, err := fs.base.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := base.Stat()
	if err != nil {
		return nil, abandon(base, err)
	}
	file, err := fs.newFrameReader(base, name, info.Size())
	if err != nil {
		return nil, abandon(base, err)
	}
	return &Tail{file}, nil
}

// Read gives what the file holds, and io.EOF at the end of what it holds now.
func (t *Tail) Read(p []byte) (int, error) {
	n, err := t.file.Read(p)
	if err != io.EOF {
		return n, err
	}
	if grown, err := t.file.grow(); !grown || err != nil {
		if err == nil {
			err = io.EOF
		}
		return 0, err
	}
	return t.file.Read(p)
}

// Close clears what was opened.
func (t *Tail) Close() error { return t.file.Close() }

// grow takes in what was appended since the end was found. What was read of a frame that was being written is
// forgotten.
func (r *frameReader) grow() (bool, error) {
	info, err := r.base.Stat()
	if err != nil || info.Size() <= r.frames.limit {
		return false, err
	}
	if r.frames.aead == nil {
		frames, _, err := r.fs.openFrames(r.base, r.path, info.Size())
		if err != nil && err != errTornEnd {
			return false, err
		}
		r.frames = frames
		if err == errTornEnd {
			return false, nil
		}
	}
	r.frames.limit = info.Size()
	r.frames.window = r.frames.window[:0]
	r.end = nil
	return true, nil
}
