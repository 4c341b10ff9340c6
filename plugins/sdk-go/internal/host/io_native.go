//go:build !wasip1

package host

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sort"
	"strings"
	"time"

	"colchis/sdk"
)

// Peer says what comes back for what is written; it is asked once with nothing when the connection opens. A nil in what it says ends the connection.
type Peer func(written []byte) [][]byte

func noTLS() error { return sdk.NotThere("no-host", "TLS needs a host") }

func disconnected() error {
	return sdk.NotThere("disconnected", "the other side has ended the connection")
}

// Connect goes to what a test scripts, or to a real server over plain TCP.
func Connect(address string) (Connection, error) {
	var peers func(string) (Peer, error)
	With(func(f *Fakes) { peers = f.Peers })
	if peers != nil {
		peer, err := peers(address)
		if err != nil {
			return nil, err
		}
		return &scripted{peer: peer, said: peer(nil)}, nil
	}
	place, plain := strings.CutPrefix(address, "tcp://")
	if !plain {
		return nil, noTLS()
	}
	stream, err := net.DialTimeout("tcp", place, Remaining())
	if err != nil {
		return nil, sdk.NotThere("unreachable", "%s cannot be reached: %v", address, err)
	}
	return tcp{stream}, nil
}

type scripted struct {
	peer Peer
	said [][]byte
}

func (s *scripted) Read(max uint32, _ time.Duration) ([]byte, error) {
	if len(s.said) == 0 {
		return nil, nil
	}
	came := s.said[0]
	if came == nil {
		// What ended stays so.
		return nil, io.EOF
	}
	if len(came) > int(max) {
		s.said[0] = came[max:]
		return came[:max], nil
	}
	s.said = s.said[1:]
	return came, nil
}

func (s *scripted) Write(bytes []byte) error {
	if len(s.said) > 0 && s.said[len(s.said)-1] == nil {
		return disconnected()
	}
	s.said = append(s.said, s.peer(bytes)...)
	return nil
}

func (s *scripted) WriteSecret(text string) error { return s.Write([]byte(filled(text))) }

func (s *scripted) StartTLS(string) error { return noTLS() }

func (s *scripted) Close() { s.said = [][]byte{nil} }

type tcp struct{ stream net.Conn }

func (t tcp) Read(max uint32, wait time.Duration) ([]byte, error) {
	if err := t.stream.SetReadDeadline(time.Now().Add(wait + time.Millisecond)); err != nil {
		return nil, sdk.NotThere("disconnected", "%v", err)
	}
	bytes := make([]byte, max)
	count, err := t.stream.Read(bytes)
	switch {
	case count > 0:
		return bytes[:count], nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, nil
	case errors.Is(err, io.EOF):
		return nil, io.EOF
	default:
		return nil, sdk.NotThere("disconnected", "%v", err)
	}
}

func (t tcp) Write(bytes []byte) error {
	if _, err := t.stream.Write(bytes); err != nil {
		return sdk.NotThere("disconnected", "%v", err)
	}
	return nil
}

func (t tcp) WriteSecret(text string) error { return t.Write([]byte(filled(text))) }

func (t tcp) StartTLS(string) error { return noTLS() }

func (t tcp) Close() { t.stream.Close() }

func BlobOpen(name string) (BlobReader, error) {
	var bytes []byte
	var found bool
	With(func(f *Fakes) { bytes, found = f.Blobs[name] })
	if !found {
		return nil, sdk.Missing("there is no blob `%s`", name)
	}
	return kept(bytes), nil
}

func BlobCreate(name string) (BlobWriter, error) { return &written{name: name}, nil }

func BlobDelete(name string) error {
	With(func(f *Fakes) { delete(f.Blobs, name) })
	return nil
}

// kept is bytes that are read.
type kept []byte

func (k kept) Size() uint64 { return uint64(len(k)) }

func (k kept) Read(offset uint64, length uint32) ([]byte, error) {
	begin := min(offset, uint64(len(k)))
	return append([]byte(nil), k[begin:min(begin+uint64(length), uint64(len(k)))]...), nil
}

func (k kept) Close() {}

type written struct {
	name  string
	bytes []byte
}

func (w *written) Write(bytes []byte) error {
	w.bytes = append(w.bytes, bytes...)
	return nil
}

func (w *written) Finish() (string, error) {
	With(func(f *Fakes) { f.Blobs[w.name] = w.bytes })
	return fmt.Sprintf("bytes:%d", len(w.bytes)), nil
}

func (w *written) Close() {}

// ArtifactOpen opens what a test put there, or what a step wrote.
func ArtifactOpen(name string) (Artifact, error) {
	var files map[string][]byte
	With(func(f *Fakes) { files = f.Artifacts[name] })
	if files == nil {
		return nil, sdk.Missing("the template has no input artifact `%s`", name)
	}
	return folder{name, files}, nil
}

// ArtifactCreate begins one.
func ArtifactCreate(name string) (ArtifactWriter, error) {
	return &writing{folder{name, map[string][]byte{}}}, nil
}

// Output adds to the step's log.
func Output(text []byte) { With(func(f *Fakes) { f.Output = append(f.Output, text...) }) }

type folder struct {
	name  string
	files map[string][]byte
}

func (f folder) Paths() ([]string, error) {
	paths := make([]string, 0, len(f.files))
	for path := range f.files {
		paths = append(paths, path)
	}
	sort.Strings(paths)
	return paths, nil
}

func (f folder) Size(path string) (uint64, error) {
	bytes, err := f.file(path)
	return uint64(len(bytes)), err
}

func (f folder) Read(path string, offset uint64, length uint32) ([]byte, error) {
	bytes, err := f.file(path)
	if err != nil {
		return nil, err
	}
	return kept(bytes).Read(offset, length)
}

func (f folder) Close() {}

func (f folder) file(path string) ([]byte, error) {
	bytes, found := f.files[path]
	if !found {
		return nil, sdk.Missing("the artifact `%s` has no file `%s`", f.name, path)
	}
	return bytes, nil
}

type writing struct{ folder }

func (w *writing) Write(path string, bytes []byte) error {
	w.files[path] = append(w.files[path], bytes...)
	return nil
}

func (w *writing) Finish() error {
	With(func(f *Fakes) { f.Artifacts[w.name] = w.files })
	return nil
}
