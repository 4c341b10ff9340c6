package render

import (
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"strings"

	"colchis/sdk"
	"colchis/sdk/renderer"

	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/yaml"
)

// basesMax is how many kustomizations one may be made of.
const basesMax = 1000

// bases goes through a kustomization and all that it is made of. Remote bases that were fetched are put in the place of their URLs; the others are named.
type bases struct {
	files   *lazy
	fetched map[string]sdk.Tree
	visited map[string]bool
	named   []renderer.Requirement
	placed  map[string]string
}

func (b *bases) visit(folder string) error {
	if b.visited[folder] {
		return nil
	}
	if b.visited[folder] = true; len(b.visited) > basesMax {
		return sdk.Failed("too-many-bases", "more than %d kustomizations are part of this one", basesMax)
	}
	name := kustomizationIn(b.files, folder)
	if name == "" {
		return nil
	}
	text, err := b.files.ReadFile(path.Join(folder, name))
	if err != nil {
		return err
	}
	var document map[string]any
	if yaml.Unmarshal(text, &document) != nil {
		return nil // for Kustomize to tell
	}
	changed := false
	for _, field := range []string{"resources", "components", "bases", "crds", "configurations", "generators", "transformers", "validators"} {
		list, _ := document[field].([]any)
		for i, element := range list {
			entry, _ := element.(string)
			at := path.Join(folder, entry)
			switch asked := requirement(entry); {
			case entry == "":
			case asked == nil || b.files.Exists(at):
				if b.files.IsDir(at) {
					err = b.visit(at)
				}
			default:
				if list[i], err = b.place(folder, entry, asked); list[i] == nil {
					list[i] = entry
				}
				changed = changed || list[i] != entry
			}
			if err != nil {
				return err
			}
		}
	}
	if !changed {
		return nil
	}
	if text, err = yaml.Marshal(document); err != nil {
		return err
	}
	return b.files.WriteFile(path.Join(folder, name), text)
}

// place puts what was fetched where a kustomization may read it, and gives the path from its folder; nil when it is yet to be fetched.
func (b *bases) place(folder, entry string, asked *renderer.Requirement) (any, error) {
	tree, ok := b.fetched[asked.Name]
	if !ok {
		for _, one := range b.named {
			if one.Name == asked.Name {
				return nil, nil
			}
		}
		b.named = append(b.named, *asked)
		return nil, nil
	}
	if asked.URL != "" {
		entries, err := tree.List("")
		if err != nil || len(entries) != 1 || entries[0].Folder {
			return nil, sdk.Failed("bad-base", "what was fetched from %s is not one file", entry)
		}
		text, err := tree.Read(entries[0].Name)
		if err != nil {
			return nil, err
		}
		// Files are read below their kustomization alone.
		inside := fmt.Sprintf(".fetched-%d-%s", len(b.placed), entries[0].Name)
		b.placed[folder+" "+entry] = inside
		return inside, b.files.WriteFile(path.Join(folder, inside), text)
	}
	at, ok := b.placed[asked.Name]
	if !ok {
		at = fmt.Sprintf("/fetched/%d", len(b.placed))
		b.placed[asked.Name] = at
		b.files.trees[at] = tree
		_ = b.files.FileSystem.MkdirAll(at)
	}
	inner := at
	if _, err := tree.Stat(asked.Git.Path); asked.Git.Path != "" && err == nil {
		// A host may hand back the whole repository, or the folder.
		inner = path.Join(at, asked.Git.Path)
	}
	relative, err := filepath.Rel(folder, inner)
	if err != nil {
		return nil, err
	}
	return filepath.ToSlash(relative), b.visit(inner)
}

func kustomizationIn(files *lazy, folder string) string {
	for _, name := range konfig.RecognizedKustomizationFileNames() {
		if files.Exists(path.Join(folder, name)) {
			return name
		}
	}
	return ""
}

// requirement says what an entry of a kustomization asks to fetch; nil when it is a path.
func requirement(entry string) *renderer.Requirement {
	text := strings.TrimPrefix(entry, "git::")
	isWeb := strings.HasPrefix(text, "https://") || strings.HasPrefix(text, "http://")
	isSSH := strings.HasPrefix(text, "ssh://") || (strings.HasPrefix(text, "git@") && strings.Contains(text, ":"))
	isHub := strings.HasPrefix(text, "github.com/")
	if !isWeb && !isSSH && !isHub {
		return nil
	}
	text, query, _ := strings.Cut(text, "?")
	values, _ := url.ParseQuery(query)
	revision := values.Get("ref")
	if revision == "" {
		revision = values.Get("version")
	}
	if isWeb && revision == "" && !strings.HasPrefix(entry, "git::") && isFile(text) {
		return &renderer.Requirement{Name: "base:" + entry, URL: entry}
	}
	if isHub {
		text = "https://" + text
	}
	repository, folder := split(text)
	if revision == "" {
		revision = "HEAD"
	}
	return &renderer.Requirement{Name: "base:" + entry, Git: &renderer.Git{URL: repository, Revision: revision, Path: folder}}
}

func isFile(text string) bool {
	extension := path.Ext(text)
	return extension == ".yaml" || extension == ".yml" || extension == ".json"
}

// split tells a repository from the folder in it: by `//`, by `.git`, or else after the owner and the name.
func split(text string) (repository, folder string) {
	start := 0
	if at := strings.Index(text, "://"); at >= 0 {
		start = at + len("://")
	}
	if at := strings.Index(text[start:], "//"); at >= 0 {
		return text[:start+at], strings.Trim(text[start+at:], "/")
	}
	if at := strings.Index(text, ".git/"); at >= 0 {
		return text[:at+len(".git")], strings.Trim(text[at+len(".git/"):], "/")
	}
	if strings.HasSuffix(text, ".git") {
		return text, ""
	}
	parts := strings.Split(text[start:], "/")
	kept := min(3, len(parts))
	if !strings.Contains(text, "://") {
		kept = min(2, len(parts))
	}
	return text[:start] + strings.Join(parts[:kept], "/"), strings.Trim(strings.Join(parts[kept:], "/"), "/")
}
