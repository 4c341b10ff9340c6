package sdk

import (
	"path"
	"sort"
	"strings"
)

// Entry is what stands at a path of a tree.
type Entry struct {
	Name       string // without the folder's
	Folder     bool
	Other      bool // neither a file nor a folder: it cannot be read
	Size       uint64
	Executable bool
}

// Tree is a folder of files at one revision. Paths are relative to its root, with `/`; the root is the empty path. What leads outside is a NotFound error.
type Tree interface {
	Stat(path string) (Entry, error)
	List(path string) ([]Entry, error)
	Read(path string) ([]byte, error)
}

// Walk calls visit with each file below a folder, by path, in the order of names. Paths are relative to the tree.
func Walk(tree Tree, folder string, visit func(path string, entry Entry) error) error {
	entries, err := tree.List(folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		at := path.Join(folder, entry.Name)
		switch {
		case entry.Other:
		case entry.Folder:
			err = Walk(tree, at, visit)
		default:
			err = visit(at, entry)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// IsMissing says whether an error is that nothing stands there.
func IsMissing(err error) bool {
	return err != nil && AsError(err).Class == NotFound
}

// Clean is a path inside a tree as a tree wants it. What leads outside is an error.
func Clean(at string) (string, error) {
	cleaned := path.Clean(strings.TrimPrefix(at, "/"))
	if cleaned == ".." || strings.HasPrefix(cleaned, "../") {
		return "", Missing("the path `%s` leads out of the tree; paths stay below its root", at)
	}
	if cleaned == "." {
		return "", nil
	}
	return cleaned, nil
}

// Files is a tree in memory, for tests and for what was unpacked: paths and contents.
type Files map[string][]byte

// Stat says what stands at a path.
func (f Files) Stat(at string) (Entry, error) {
	at, err := Clean(at)
	if err != nil {
		return Entry{}, err
	}
	if bytes, ok := f[at]; ok {
		return Entry{Name: path.Base(at), Size: uint64(len(bytes))}, nil
	}
	if at == "" {
		return Entry{Folder: true}, nil
	}
	for name := range f {
		if strings.HasPrefix(name, at+"/") {
			return Entry{Name: path.Base(at), Folder: true}, nil
		}
	}
	return Entry{}, Missing("nothing stands at `%s`", at)
}

// List gives what is in a folder, by name.
func (f Files) List(folder string) ([]Entry, error) {
	entry, err := f.Stat(folder)
	if err != nil {
		return nil, err
	}
	if !entry.Folder {
		return nil, Missing("`%s` is no folder", folder)
	}
	folder, _ = Clean(folder)
	found := map[string]Entry{}
	for name, bytes := range f {
		rest := name
		if folder != "" {
			var below bool
			if rest, below = strings.CutPrefix(name, folder+"/"); !below {
				continue
			}
		}
		if first, _, deeper := strings.Cut(rest, "/"); deeper {
			found[first] = Entry{Name: first, Folder: true}
		} else {
			found[first] = Entry{Name: first, Size: uint64(len(bytes))}
		}
	}
	entries := make([]Entry, 0, len(found))
	for _, entry := range found {
		entries = append(entries, entry)
	}
	sort.Slice(entries, func(i, j int) bool { return entries[i].Name < entries[j].Name })
	return entries, nil
}

// Read gives a whole file.
func (f Files) Read(at string) ([]byte, error) {
	at, err := Clean(at)
	if err != nil {
		return nil, err
	}
	bytes, ok := f[at]
	if !ok {
		return nil, Missing("there is no file `%s`", at)
	}
	return bytes, nil
}
