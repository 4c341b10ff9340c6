//go:build wasip1

package step

import (
	"strings"

	files "colchis/sdk/internal/bindings/colchis_step_files"
	"colchis/sdk/internal/convert"
	"colchis/sdk/internal/host"
)

func open(name string) (host.Artifact, error) {
	result := files.Open(name)
	if result.IsErr() {
		return nil, convert.Fault(result.Err())
	}
	return artifact{result.Ok()}, nil
}

func create(name string) (host.ArtifactWriter, error) {
	result := files.Create(name)
	if result.IsErr() {
		return nil, convert.Fault(result.Err())
	}
	return writer{result.Ok()}, nil
}

func output(text []byte) { files.Output(text) }

// artifact is one of the host.
type artifact struct{ lent *files.Artifact }

func (a artifact) Paths() ([]string, error) {
	result := a.lent.Paths()
	if result.IsErr() {
		return nil, convert.Fault(result.Err())
	}
	paths := make([]string, len(result.Ok()))
	for i, path := range result.Ok() {
		paths[i] = strings.Clone(path)
	}
	return paths, nil
}

func (a artifact) Size(path string) (uint64, error) {
	result := a.lent.Size(path)
	if result.IsErr() {
		return 0, convert.Fault(result.Err())
	}
	return result.Ok(), nil
}

func (a artifact) Read(path string, offset uint64, length uint32) ([]byte, error) {
	result := a.lent.Read(path, offset, length)
	if result.IsErr() {
		return nil, convert.Fault(result.Err())
	}
	// The bytes are the call's; what a step keeps outlives it.
	return append([]byte(nil), result.Ok()...), nil
}

func (a artifact) Close() { a.lent.Drop() }

type writer struct{ lent *files.ArtifactWriter }

func (w writer) Write(path string, bytes []byte) error {
	return convert.Done(w.lent.Write(path, bytes))
}

func (w writer) Finish() error { return convert.Done(w.lent.Finish()) }

func (w writer) Close() { w.lent.Drop() }
