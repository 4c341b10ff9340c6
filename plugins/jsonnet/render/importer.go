package render

import (
	"fmt"
	"path"

	"colchis/sdk"
	"colchis/sdk/renderer"

	jsonnet "github.com/google/go-jsonnet"
)

// importer finds imports beside the file that names them, and then in the libraries, the later ones first, as the tool does.
type importer struct {
	tree sdk.Tree
	libs []string
	// What was read. Jsonnet asks that one path gives the same contents each time.
	read map[string]jsonnet.Contents
}

func newImporter(request *renderer.Request, libs []string) *importer {
	made := &importer{tree: request.Files, read: map[string]jsonnet.Contents{}}
	for i := len(libs) - 1; i >= 0; i-- {
		// A library's path is from the repository's root on.
		made.libs = append(made.libs, libs[i])
	}
	return made
}

// Import is asked by the interpreter.
func (i *importer) Import(from, named string) (jsonnet.Contents, string, error) {
	folders := append([]string{path.Dir(from)}, i.libs...)
	if path.IsAbs(named) {
		folders = []string{""}
	}
	for _, folder := range folders {
		at, err := sdk.Clean(path.Join(folder, named))
		if err != nil {
			continue // what leads out of the tree is not there
		}
		if contents, ok := i.read[at]; ok {
			return contents, at, nil
		}
		text, err := i.tree.Read(at)
		if sdk.IsMissing(err) {
			continue
		}
		if err != nil {
			return jsonnet.Contents{}, "", err
		}
		i.read[at] = jsonnet.MakeContentsRaw(text)
		return i.read[at], at, nil
	}
	return jsonnet.Contents{}, "", fmt.Errorf("%s is neither beside %s nor in a library", named, from)
}
