package render

import (
	"encoding/json"
	"fmt"
	"path"
	"sort"
	"strings"

	"colchis/sdk"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/releaseutil"
	"sigs.k8s.io/yaml"
)

// sorted is what templates gave, parsed: Helm's own SortManifests does the same, but reads each document, forgets what it read, and makes a table of all
// kinds for each comparison. As a component that was half of a rendering.
type sorted struct {
	manifests, hooks []document
}

// arrange puts what was rendered in order: definitions of custom resources, manifests, hooks.
func (c *Config) arrange(made *chart.Chart, files map[string]string) ([]document, error) {
	all, err := sortManifests(files)
	if err != nil {
		return nil, sdk.Failed("bad-manifest", "what the templates gave is no YAML of objects: %v", err)
	}
	var documents []document
	if !c.SkipCrds {
		for _, crd := range made.CRDObjects() {
			documents = append(documents, document{file: crd.Filename, text: string(crd.File.Data)})
		}
	}
	documents = append(documents, all.manifests...)
	for _, hook := range all.hooks {
		if !c.SkipTests || !hook.test {
			documents = append(documents, hook)
		}
	}
	return documents, nil
}

// sortManifests takes files apart and sorts the documents by kind in Helm's order of installation, those of one kind by file and place.
func sortManifests(files map[string]string) (sorted, error) {
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	sort.Strings(names)
	var all sorted
	for _, name := range names {
		if strings.HasPrefix(path.Base(name), "_") || strings.TrimSpace(files[name]) == "" {
			continue
		}
		for _, text := range split(files[name]) {
			if err := all.add(name, text); err != nil {
				return sorted{}, err
			}
		}
	}
	byKind(all.manifests)
	byKind(all.hooks)
	return all, nil
}

// split cuts a file into its documents.
func split(file string) []string {
	// The expression that Helm cuts by is slow to search for, and most files have one document.
	if !strings.Contains(file, "---") {
		return []string{strings.TrimSpace(file)}
	}
	cut := releaseutil.SplitManifests(file)
	keys := make([]string, 0, len(cut))
	for key := range cut {
		keys = append(keys, key)
	}
	sort.Sort(releaseutil.BySplitManifestsOrder(keys))
	texts := make([]string, len(keys))
	for i, key := range keys {
		texts[i] = cut[key]
	}
	return texts
}

func (s *sorted) add(file, text string) error {
	object, err := toJSON(text)
	var head releaseutil.SimpleHead
	// Numbers as values of annotations are texts, when it is read as Helm reads it.
	if err != nil || json.Unmarshal([]byte(object), &head) != nil {
		head = releaseutil.SimpleHead{}
		if err := yaml.Unmarshal([]byte(text), &head); err != nil {
			return fmt.Errorf("YAML parse error on %s: %w", file, err)
		}
	}
	one := document{file: file, text: text, kind: head.Kind, object: object}
	if head.Metadata == nil || !isHook(head.Metadata.Annotations) {
		s.manifests = append(s.manifests, one)
		return nil
	}
	// What a hook's annotations say is Helm's to read; one that it does not know is left out.
	hooks, _, err := releaseutil.SortManifests(map[string]string{file: text}, nil, nil)
	for _, hook := range hooks {
		one.test = isTest(hook)
		s.hooks = append(s.hooks, one)
	}
	return err
}

func isHook(annotations map[string]string) bool {
	_, is := annotations[release.HookAnnotation]
	return is
}

func isTest(hook *release.Hook) bool {
	for _, event := range hook.Events {
		if event == release.HookTest {
			return true
		}
	}
	return false
}

// installOrder has the place of each kind that Helm knows.
var installOrder = func() map[string]int {
	places := make(map[string]int, len(releaseutil.InstallOrder))
	for place, kind := range releaseutil.InstallOrder {
		places[kind] = place
	}
	return places
}()

// byKind sorts; kinds that Helm does not know come last, in the order of their names.
func byKind(documents []document) {
	sort.SliceStable(documents, func(i, j int) bool {
		one, other := documents[i].kind, documents[j].kind
		first, known := installOrder[one]
		second, otherKnown := installOrder[other]
		switch {
		case known && otherKnown:
			return first < second
		case known != otherKnown:
			return known
		default:
			return one < other
		}
	})
}

// toJSON reads one document. Helm cuts the last line's end off, and prints it again: without it, a text in the manifest that ends there would lose its own.
func toJSON(text string) (string, error) {
	made, err := yaml.YAMLToJSON([]byte(text + "\n"))
	return string(made), err
}
