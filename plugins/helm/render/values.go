package render

import (
	"fmt"
	"path"
	"sort"
	"strings"

	"colchis/sdk"
	"colchis/sdk/renderer"

	"github.com/gobwas/glob"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/strvals"
)

// values puts the values together, the later over the earlier: files, `values` or else `valuesObject`, parameters, texts, files' contents.
func (c *Config) values(request *renderer.Request) (map[string]any, error) {
	base := map[string]any{}
	for i, written := range c.ValueFiles {
		field := fmt.Sprintf("valueFiles[%d]", i)
		texts, err := c.valueFile(request, expand(written, request.Release.Environment))
		if sdk.IsMissing(err) {
			if c.IgnoreMissingValueFiles {
				continue
			}
			return nil, sdk.Invalid(field, "%s; correct the path, or set ignoreMissingValueFiles", sdk.AsError(err).Message)
		}
		if err != nil {
			return nil, sdk.AsError(err).At(field)
		}
		for _, text := range texts {
			if err := mergeText(base, text, field); err != nil {
				return nil, err
			}
		}
	}
	if c.ValuesObject != nil {
		merge(base, c.ValuesObject)
	} else if err := mergeText(base, []byte(c.Values), "values"); err != nil {
		return nil, err
	}
	return base, c.set(base, request)
}

// set applies parameters in the order that Helm applies its options: `--set`, `--set-string`, `--set-file`.
func (c *Config) set(base map[string]any, request *renderer.Request) error {
	for _, texts := range []bool{false, true} {
		for i, parameter := range c.Parameters {
			if parameter.ForceString != texts {
				continue
			}
			written := parameter.Name + "=" + escape(expand(parameter.Value, request.Release.Environment))
			apply := strvals.ParseInto
			if texts {
				apply = strvals.ParseIntoString
			}
			if err := apply(written, base); err != nil {
				return sdk.Invalid(fmt.Sprintf("parameters[%d]", i), "Helm cannot read `%s`: %v", parameter.Name, err)
			}
		}
	}
	for i, parameter := range c.FileParameters {
		field := fmt.Sprintf("fileParameters[%d]", i)
		tree, at, err := locate(request, expand(parameter.Path, request.Release.Environment))
		if err != nil {
			return sdk.AsError(err).At(field + ".path")
		}
		text, err := tree.Read(at)
		if err != nil {
			return sdk.Invalid(field+".path", "%s cannot be read: %s", parameter.Path, sdk.AsError(err).Message)
		}
		read := func([]rune) (any, error) { return string(text), nil }
		if err := strvals.ParseIntoFile(parameter.Name+"=file", base, read); err != nil {
			return sdk.Invalid(field, "Helm cannot read `%s`: %v", parameter.Name, err)
		}
	}
	return nil
}

// escape keeps commas in a value from being taken for the next parameter. A list in braces has commas of its own, and `\,` is one already.
func escape(value string) string {
	if strings.HasPrefix(value, "{") && strings.HasSuffix(value, "}") {
		return value
	}
	var made strings.Builder
	escaped := false
	for _, r := range value {
		if r == ',' && !escaped {
			made.WriteByte('\\')
		}
		escaped = r == '\\' && !escaped
		made.WriteRune(r)
	}
	return made.String()
}

// valueFile reads what a path of `valueFiles` names: one file, or those that match a pattern, by path.
func (c *Config) valueFile(request *renderer.Request, written string) ([][]byte, error) {
	tree, at, err := locate(request, written)
	if err != nil {
		return nil, err
	}
	if !strings.ContainsAny(at, "*?[{") {
		text, err := tree.Read(at)
		return [][]byte{text}, err
	}
	pattern, err := glob.Compile(at, '/')
	if err != nil {
		return nil, sdk.Invalid("", "`%s` is no pattern of paths: %v", written, err)
	}
	folder := at[:strings.IndexAny(at, "*?[{")]
	folder, _ = path.Split(folder)
	var names []string
	err = sdk.Walk(tree, strings.TrimSuffix(folder, "/"), func(name string, _ sdk.Entry) error {
		if pattern.Match(name) {
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, sdk.Missing("no file matches `%s`", written)
	}
	sort.Strings(names)
	texts := make([][]byte, len(names))
	for i, name := range names {
		if texts[i], err = tree.Read(name); err != nil {
			return nil, err
		}
	}
	return texts, nil
}

// locate says where a path leads: below the chart, from the tree's root on (`/…`), into a further source (`$ref/…`), or to a URL that was fetched.
func locate(request *renderer.Request, written string) (sdk.Tree, string, error) {
	if isURL(written) {
		tree, ok := request.Fetched[urlName(written)]
		if !ok {
			return nil, "", sdk.Missing("%s was not fetched", written)
		}
		entries, err := tree.List("")
		if err != nil {
			return nil, "", err
		}
		if len(entries) != 1 || entries[0].Folder {
			return nil, "", sdk.Failed("bad-value-file", "%s is not one file", written)
		}
		return tree, entries[0].Name, nil
	}
	if rest, ok := strings.CutPrefix(written, "$"); ok {
		ref, at, _ := strings.Cut(rest, "/")
		tree, ok := request.Fetched[ref]
		if !ok {
			return nil, "", sdk.Invalid("", "no further source has the ref `%s`; name one of the application's sources", ref)
		}
		at, err := sdk.Clean(at)
		return tree, at, err
	}
	if strings.HasPrefix(written, "/") {
		at, err := sdk.Clean(written)
		return request.Files, at, err
	}
	at, err := sdk.Clean(path.Join(request.Path, written))
	return request.Files, at, err
}

func isURL(written string) bool {
	return strings.HasPrefix(written, "https://") || strings.HasPrefix(written, "http://")
}

func urlName(url string) string { return "values:" + url }

func mergeText(base map[string]any, text []byte, field string) error {
	read, err := chartutil.ReadValues(text)
	if err != nil {
		return sdk.Invalid(field, "YAML with an object is expected: %v", err)
	}
	merge(base, read)
	return nil
}

// merge puts values over others: objects into objects, all else in the place of what was there.
func merge(base, over map[string]any) {
	for name, value := range over {
		inner, isObject := value.(map[string]any)
		there, wasObject := base[name].(map[string]any)
		if isObject && wasObject {
			merge(there, inner)
			continue
		}
		base[name] = value
	}
}
