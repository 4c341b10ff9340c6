package render

import (
	"path"
	"strings"

	"colchis/sdk"

	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// lazy is a file system in memory into which files come from trees when somebody asks for them, so that a large repository is not copied for a small folder.
type lazy struct {
	filesys.FileSystem
	trees map[string]sdk.Tree // by the folder that each stands in, as `/tree`
	seen  map[string]bool
}

func newLazy() *lazy {
	return &lazy{FileSystem: filesys.MakeFsInMemory(), trees: map[string]sdk.Tree{}, seen: map[string]bool{}}
}

// bring copies what stands at a path. What is not there is for Kustomize to tell.
func (l *lazy) bring(at string) {
	at = path.Clean(at)
	if l.seen[at] {
		return
	}
	l.seen[at] = true
	for folder, tree := range l.trees {
		inside, below := strings.CutPrefix(at+"/", folder+"/")
		if !below {
			continue
		}
		inside = strings.TrimSuffix(inside, "/")
		entry, err := tree.Stat(inside)
		if err != nil || entry.Other {
			return
		}
		if entry.Folder {
			_ = l.FileSystem.MkdirAll(at)
			return
		}
		if text, err := tree.Read(inside); err == nil {
			_ = l.FileSystem.WriteFile(at, text)
		}
	}
}

// bringAll copies what is right in a folder.
func (l *lazy) bringAll(at string) {
	at = path.Clean(at)
	for folder, tree := range l.trees {
		inside, below := strings.CutPrefix(at+"/", folder+"/")
		if !below {
			continue
		}
		entries, err := tree.List(strings.TrimSuffix(inside, "/"))
		if err != nil {
			return
		}
		for _, entry := range entries {
			l.bring(path.Join(at, entry.Name))
		}
	}
}

func (l *lazy) Open(at string) (filesys.File, error) { l.bring(at); return l.FileSystem.Open(at) }
func (l *lazy) IsDir(at string) bool                 { l.bring(at); return l.FileSystem.IsDir(at) }
func (l *lazy) Exists(at string) bool                { l.bring(at); return l.FileSystem.Exists(at) }
func (l *lazy) ReadFile(at string) ([]byte, error)   { l.bring(at); return l.FileSystem.ReadFile(at) }
func (l *lazy) ReadDir(at string) ([]string, error)  { l.bringAll(at); return l.FileSystem.ReadDir(at) }
func (l *lazy) Glob(pattern string) ([]string, error) {
	l.bringAll(path.Dir(pattern))
	return l.FileSystem.Glob(pattern)
}
func (l *lazy) CleanedAbs(at string) (filesys.ConfirmedDir, string, error) {
	l.bring(at)
	return l.FileSystem.CleanedAbs(at)
}

// WriteFile keeps what was written from being taken from the tree again.
func (l *lazy) WriteFile(at string, text []byte) error {
	l.seen[path.Clean(at)] = true
	return l.FileSystem.WriteFile(at, text)
}
