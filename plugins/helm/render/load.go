package render

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"path"
	"strings"
	"time"

	"colchis/sdk"
	"colchis/sdk/renderer"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/ignore"
	"sigs.k8s.io/yaml"
)

// fileBytesMax is how large a file of a chart may be. Helm has the same limit.
const fileBytesMax = 5 << 20

// byteOrderMark may stand at the beginning of a text.
var byteOrderMark = []byte{0xEF, 0xBB, 0xBF}

// load reads the chart in a folder, without the files that its .helmignore names.
func load(tree sdk.Tree, folder string) (*chart.Chart, error) {
	files, err := collect(tree, folder)
	if err != nil {
		return nil, err
	}
	made, err := loader.LoadFiles(files)
	if err != nil {
		return nil, sdk.Failed("bad-chart", "the chart in `%s` cannot be loaded: %v", shown(folder), err)
	}
	return made, nil
}

func collect(tree sdk.Tree, folder string) ([]*loader.BufferedFile, error) {
	rules := ignore.Empty()
	if text, err := tree.Read(path.Join(folder, ignore.HelmIgnore)); err == nil {
		if rules, err = ignore.Parse(bytes.NewReader(text)); err != nil {
			return nil, sdk.Failed("bad-chart", "%s cannot be read: %v", path.Join(folder, ignore.HelmIgnore), err)
		}
	} else if !sdk.IsMissing(err) {
		return nil, err
	}
	rules.AddDefaults()
	var files []*loader.BufferedFile
	err := walk(tree, folder, "", rules, func(name string, size uint64) error {
		if size > fileBytesMax {
			return sdk.Failed("file-too-large", "%s has %d bytes, and a chart's file may have %d; name it in .helmignore",
				path.Join(folder, name), size, fileBytesMax)
		}
		text, err := tree.Read(path.Join(folder, name))
		if err != nil {
			return err
		}
		files = append(files, &loader.BufferedFile{Name: name, Data: bytes.TrimPrefix(text, byteOrderMark)})
		return nil
	})
	return files, err
}

func walk(tree sdk.Tree, root, inside string, rules *ignore.Rules, visit func(name string, size uint64) error) error {
	entries, err := tree.List(path.Join(root, inside))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := path.Join(inside, entry.Name)
		if rules.Ignore(name, info{entry}) {
			continue
		}
		switch {
		case entry.Folder:
			err = walk(tree, root, name, rules, visit)
		case entry.Other:
			err = sdk.Failed("bad-chart", "%s is neither a file nor a folder; name it in .helmignore", path.Join(root, name))
		default:
			err = visit(name, entry.Size)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// info is an entry as rules of .helmignore look at it.
type info struct{ entry sdk.Entry }

func (i info) Name() string       { return i.entry.Name }
func (i info) Size() int64        { return int64(i.entry.Size) }
func (i info) IsDir() bool        { return i.entry.Folder }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) Sys() any           { return nil }
func (i info) Mode() fs.FileMode {
	if i.entry.Folder {
		return fs.ModeDir | 0o755
	}
	return 0o644
}

// missing names the chart's dependencies that are not in its `charts/`, with the versions of its lock file.
func missing(made *chart.Chart) []*chart.Dependency {
	there := map[string]bool{}
	for _, one := range made.Dependencies() {
		there[one.Name()] = true
	}
	var found []*chart.Dependency
	seen := map[string]bool{}
	for _, named := range made.Metadata.Dependencies {
		wanted := *named
		if made.Lock != nil {
			for _, locked := range made.Lock.Dependencies {
				if locked.Name == wanted.Name && locked.Repository == wanted.Repository {
					wanted.Version = locked.Version
				}
			}
		}
		// One chart under two aliases is fetched once.
		if !there[wanted.Name] && !seen[requirementName(&wanted)] {
			seen[requirementName(&wanted)] = true
			found = append(found, &wanted)
		}
	}
	return found
}

func requirementName(wanted *chart.Dependency) string {
	return "chart:" + wanted.Name + "@" + wanted.Version
}

// checkLock refuses a lock file that was made for other dependencies than the chart names now: its versions would be the wrong ones. It holds
// of those that are to be fetched; what lies in `charts/` is taken as it is.
func checkLock(made *chart.Chart) error {
	if made.Lock == nil || made.Lock.Digest == "" || len(missing(made)) == 0 {
		return nil
	}
	named := made.Metadata.Dependencies
	accepted := []any{[2][]*chart.Dependency{named, made.Lock.Dependencies}}
	if made.Metadata.APIVersion == chart.APIVersionV1 {
		// Helm 2 left the versions of the lock file out.
		accepted = append(accepted, map[string][]*chart.Dependency{"dependencies": named})
	}
	for _, document := range accepted {
		text, err := json.Marshal(document)
		if err != nil {
			return sdk.Failed("bad-chart", "the dependencies of `%s` cannot be read: %v", made.Name(), err)
		}
		sum := sha256.Sum256(text)
		if made.Lock.Digest == "sha256:"+hex.EncodeToString(sum[:]) {
			return nil
		}
	}
	return sdk.Failed("lock-out-of-sync",
		"the lock file of the chart `%s` has another digest than its dependencies: it was made before they were changed; run `helm dependency update` and commit it",
		made.Name())
}

// requirement says how a dependency is fetched; nil when it lies in the tree itself.
func requirement(wanted *chart.Dependency) (*renderer.Requirement, error) {
	name := requirementName(wanted)
	repository := strings.TrimSuffix(wanted.Repository, "/")
	switch {
	case strings.HasPrefix(repository, "file://"):
		return nil, nil
	case strings.HasPrefix(repository, "oci://"):
		reference := strings.TrimPrefix(repository, "oci://") + "/" + wanted.Name
		return &renderer.Requirement{Name: name, OCI: &renderer.OCI{Reference: reference, Version: wanted.Version}}, nil
	case strings.HasPrefix(repository, "https://"), strings.HasPrefix(repository, "http://"):
		from := &renderer.Chart{Repository: repository, Name: wanted.Name, Version: wanted.Version}
		return &renderer.Requirement{Name: name, Chart: from}, nil
	case repository == "":
		return nil, sdk.Failed("missing-dependency",
			"the chart depends on `%s`, which is not in its charts/ and has no repository in Chart.yaml; add one of both", wanted.Name)
	default:
		return nil, sdk.Failed("bad-repository",
			"the dependency `%s` has the repository `%s`; a URL with https://, oci:// or file:// is expected (aliases are known to the author's machine alone)",
			wanted.Name, wanted.Repository)
	}
}

// complete adds the dependencies that were fetched or lie elsewhere in the tree.
func complete(made *chart.Chart, request *renderer.Request) error {
	if err := checkLock(made); err != nil {
		return err
	}
	for _, wanted := range missing(made) {
		asked, err := requirement(wanted)
		if err != nil {
			return err
		}
		var inner *chart.Chart
		if asked == nil {
			at, err := sdk.Clean(path.Join(request.Path, strings.TrimPrefix(wanted.Repository, "file://")))
			if err != nil {
				return err
			}
			if inner, err = load(request.Files, at); err != nil {
				return err
			}
		} else {
			tree, ok := request.Fetched[asked.Name]
			if !ok {
				return sdk.Failed("missing-dependency", "the dependency `%s` was not fetched", wanted.Name)
			}
			if inner, err = unpack(tree, wanted.Name); err != nil {
				return err
			}
		}
		made.AddDependency(inner)
	}
	return nil
}

// unpack reads a chart that was fetched: a folder at the root of the tree or below it, or an archive.
func unpack(tree sdk.Tree, name string) (*chart.Chart, error) {
	for _, folder := range []string{"", name} {
		if _, err := tree.Stat(path.Join(folder, "Chart.yaml")); err == nil {
			return load(tree, folder)
		}
	}
	entries, err := tree.List("")
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if entry.Folder || !(strings.HasSuffix(entry.Name, ".tgz") || strings.HasSuffix(entry.Name, ".tar.gz")) {
			continue
		}
		archive, err := tree.Read(entry.Name)
		if err != nil {
			return nil, err
		}
		made, err := loader.LoadArchive(bytes.NewReader(archive))
		if err != nil {
			return nil, sdk.Failed("bad-chart", "the archive of the chart `%s` cannot be loaded: %v", name, err)
		}
		return made, nil
	}
	return nil, sdk.Failed("bad-chart", "what was fetched for `%s` has no Chart.yaml and is no archive of a chart", name)
}

// isChart says whether a folder has a Chart.yaml with a name.
func isChart(tree sdk.Tree, folder string) (bool, error) {
	text, err := tree.Read(path.Join(folder, "Chart.yaml"))
	if sdk.IsMissing(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var head struct {
		Name string `json:"name"`
	}
	return yaml.Unmarshal(text, &head) == nil && head.Name != "", nil
}

func shown(folder string) string {
	if folder == "" {
		return "."
	}
	return folder
}
