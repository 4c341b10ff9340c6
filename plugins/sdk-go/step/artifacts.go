package step

import (
	"io"

	"colchis/sdk/internal/host"
)

// pieceBytesMax is how much is read at once.
const pieceBytesMax = 256 << 10

// Artifact is an input artifact: a file, or a folder. Close it before the call ends.
type Artifact struct{ lent host.Artifact }

// OpenArtifact opens an input artifact of the template; sdk.IsMissing says of the error that it has none of that name.
func OpenArtifact(name string) (*Artifact, error) {
	lent, err := open(name)
	if err != nil {
		return nil, err
	}
	return &Artifact{lent}, nil
}

// Paths are the files in it; the empty path is the artifact itself when it is a file.
func (a *Artifact) Paths() ([]string, error) { return a.lent.Paths() }

// Size is a file's size in bytes.
func (a *Artifact) Size(path string) (int64, error) {
	size, err := a.lent.Size(path)
	return int64(size), err
}

// Read is up to so many bytes of a file from an offset on; fewer at the end.
func (a *Artifact) Read(path string, offset int64, length int) ([]byte, error) {
	return a.lent.Read(path, uint64(max(offset, 0)), uint32(max(length, 0)))
}

// File reads a file from its beginning, piece by piece: for what is larger than the plugin's memory.
func (a *Artifact) File(path string) io.Reader { return &file{of: a, path: path} }

// Close gives it back. Asked twice, it does no harm.
func (a *Artifact) Close() error {
	a.lent.Close()
	return nil
}

type file struct {
	of   *Artifact
	path string
	at   int64
}

func (f *file) Read(into []byte) (int, error) {
	if len(into) == 0 {
		return 0, nil
	}
	piece, err := f.of.Read(f.path, f.at, min(len(into), pieceBytesMax))
	if err == nil && len(piece) == 0 {
		err = io.EOF
	}
	f.at += int64(len(piece))
	return copy(into, piece), err
}

// ArtifactWriter is an output artifact that is being written. Closed before Finish, it never was. Close it before the call ends.
type ArtifactWriter struct{ lent host.ArtifactWriter }

// CreateArtifact begins an output artifact of the template.
func CreateArtifact(name string) (*ArtifactWriter, error) {
	lent, err := create(name)
	if err != nil {
		return nil, err
	}
	return &ArtifactWriter{lent}, nil
}

// Write adds bytes to a file; the empty path is the artifact itself.
func (w *ArtifactWriter) Write(path string, bytes []byte) error { return w.lent.Write(path, bytes) }

// Finish says that it is complete.
func (w *ArtifactWriter) Finish() error { return w.lent.Finish() }

// Close gives it back; without Finish, nothing was written. Asked twice, it does no harm.
func (w *ArtifactWriter) Close() error {
	w.lent.Close()
	return nil
}

// Output adds to the step's log.
func Output(text string) { output([]byte(text)) }
