// Package blob has large values that last from call to call: needs the grant `blobs` (sdk.Blobs). They are read and written in pieces, and never copied whole.
package blob

import (
	"io"

	"colchis/sdk"
	"colchis/sdk/internal/host"
)

// pieceBytesMax is how much is read at once.
const pieceBytesMax = 256 << 10

// Reader is a value that is being read: from its beginning with Read, or at any place with ReadAt. Close it before the call ends.
type Reader struct {
	lent host.BlobReader
	at   int64
}

// Open opens a value of this plugin; sdk.IsMissing says of the error that there is none of that name.
func Open(name string) (*Reader, error) {
	lent, err := host.BlobOpen(name)
	if err != nil {
		return nil, err
	}
	return &Reader{lent: lent}, nil
}

// Size is its size in bytes.
func (r *Reader) Size() int64 { return int64(r.lent.Size()) }

// Read reads on, as io.Reader does.
func (r *Reader) Read(into []byte) (int, error) {
	if len(into) == 0 {
		return 0, nil
	}
	piece, err := r.piece(r.at, len(into))
	r.at += int64(len(piece))
	return copy(into, piece), err
}

// ReadAt reads from an offset on, as io.ReaderAt does.
func (r *Reader) ReadAt(into []byte, offset int64) (int, error) {
	read := 0
	for read < len(into) {
		piece, err := r.piece(offset+int64(read), len(into)-read)
		if err != nil {
			return read, err
		}
		read += copy(into[read:], piece)
	}
	return read, nil
}

// piece is some bytes, or io.EOF.
func (r *Reader) piece(offset int64, most int) ([]byte, error) {
	if offset < 0 {
		return nil, sdk.Failed("bad-offset", "an offset of %d is none", offset)
	}
	piece, err := r.lent.Read(uint64(offset), uint32(min(most, pieceBytesMax)))
	if err == nil && len(piece) == 0 {
		err = io.EOF
	}
	return piece, err
}

// Close gives it back. Asked twice, it does no harm.
func (r *Reader) Close() error {
	r.lent.Close()
	return nil
}

// Writer is a value that is being written. Closed before Finish, it never was. Close it before the call ends.
type Writer struct{ lent host.BlobWriter }

// Create begins to write one; an earlier value of that name stays until it is finished.
func Create(name string) (*Writer, error) {
	lent, err := host.BlobCreate(name)
	if err != nil {
		return nil, err
	}
	return &Writer{lent}, nil
}

// Write adds bytes at the end, all of them or none.
func (w *Writer) Write(bytes []byte) (int, error) {
	if err := w.lent.Write(bytes); err != nil {
		return 0, err
	}
	return len(bytes), nil
}

// Finish makes it durable, and gives its digest (`sha256:…`; natively, in tests, another word).
func (w *Writer) Finish() (digest string, err error) { return w.lent.Finish() }

// Close gives it back; without Finish, nothing was written. Asked twice, it does no harm.
func (w *Writer) Close() error {
	w.lent.Close()
	return nil
}

// Delete removes one. Removing what is not there is no error.
func Delete(name string) error { return host.BlobDelete(name) }
