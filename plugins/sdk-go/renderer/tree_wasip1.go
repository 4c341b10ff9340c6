//go:build wasip1

package renderer

import (
	"strings"

	"colchis/sdk"
	source "colchis/sdk/internal/bindings/colchis_manifest_renderer_source"
	"colchis/sdk/internal/convert"
)

// tree is a tree of the host.
type tree struct{ handle *source.Tree }

func (t tree) Stat(path string) (sdk.Entry, error) {
	result := t.handle.Stat(path)
	if result.IsErr() {
		return sdk.Entry{}, convert.Fault(result.Err())
	}
	return entry(result.Ok()), nil
}

func (t tree) List(path string) ([]sdk.Entry, error) {
	result := t.handle.List(path)
	if result.IsErr() {
		return nil, convert.Fault(result.Err())
	}
	entries := make([]sdk.Entry, 0, len(result.Ok()))
	for _, one := range result.Ok() {
		entries = append(entries, entry(one))
	}
	return entries, nil
}

func (t tree) Read(path string) ([]byte, error) {
	result := t.handle.Read(path)
	if result.IsErr() {
		return nil, convert.Fault(result.Err())
	}
	// The bytes are the call's; what a renderer keeps outlives it.
	return append([]byte(nil), result.Ok()...), nil
}

func entry(from source.Entry) sdk.Entry {
	return sdk.Entry{
		Name:       strings.Clone(from.Name),
		Folder:     from.Kind.Tag() == source.EntryKindFolder,
		Other:      from.Kind.Tag() == source.EntryKindOther,
		Size:       from.Size,
		Executable: from.Executable,
	}
}
