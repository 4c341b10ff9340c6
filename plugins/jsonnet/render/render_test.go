package render

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"colchis/sdk"
	"colchis/sdk/renderer"
)

func read(t *testing.T, folder string) sdk.Files {
	t.Helper()
	files := sdk.Files{}
	err := filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		inside, _ := filepath.Rel(folder, name)
		files[filepath.ToSlash(inside)] = text
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// Each folder of testdata has what `jsonnet` of the same version printed; testdata/expect.sh asks it.
func TestFilesComeOutAsOfTheTool(t *testing.T) {
	expected, err := filepath.Glob("../testdata/*/expected.json")
	if err != nil || len(expected) < 6 {
		t.Fatalf("six files are expected: %v %v", expected, err)
	}
	for _, file := range expected {
		folder := filepath.Dir(file)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			files := read(t, folder)
			config := &Config{}
			if err := sdk.Decode(string(files["config.json"]), config); err != nil {
				t.Fatal(err)
			}
			got, err := config.evaluate(&renderer.Request{Files: files}, "app.jsonnet")
			if err != nil || got != string(files["expected.json"]) {
				t.Errorf("%v, got\n%s\nwant\n%s", err, got, files["expected.json"])
			}
		})
	}
}

func folder() sdk.Files {
	return sdk.Files{
		"app/b.jsonnet":     []byte(`[{ kind: "B1" }, [{ kind: "List", items: [{ kind: "B2" }] }]]`),
		"app/a.yaml":        []byte("kind: A1\n---\n---\nkind: A2\n"),
		"app/c.json":        []byte(`{"kind": "C"}`),
		"app/lib.libsonnet": []byte(`error "never evaluated"`),
		"app/sub/d.yml":     []byte("kind: D\n"),
		"app/readme.md":     []byte("no manifest"),
	}
}

func TestFilesAreChosenByPatterns(t *testing.T) {
	for _, one := range []struct{ config, kinds string }{
		{`{}`, "A1 A2 B1 B2 C"},
		{`{"recurse": true}`, "A1 A2 B1 B2 C D"},
		{`{"include": "*.json"}`, "C"},
		{`{"recurse": true, "exclude": "{b,sub/}*"}`, "A1 A2 C"},
	} {
		made, err := Jsonnet{}.Render(&renderer.Request{Config: one.config, Files: folder(), Path: "app"})
		if err != nil {
			t.Fatal(err)
		}
		var kinds []string
		for _, manifest := range made.Manifests {
			kinds = append(kinds, strings.TrimSuffix(strings.TrimPrefix(manifest.Object, `{"kind":"`), `"}`))
		}
		if got := strings.Join(kinds, " "); got != one.kinds {
			t.Errorf("%s: %s", one.config, got)
		}
	}
}

func TestImportsStayInTheTree(t *testing.T) {
	files := sdk.Files{"app/a.jsonnet": []byte(`import "../../../etc/passwd"`)}
	_, err := Jsonnet{}.Render(&renderer.Request{Config: "{}", Files: files, Path: "app"})
	if err == nil || sdk.AsError(err).Code != "evaluation-failed" || !strings.Contains(err.Error(), "neither beside") {
		t.Error(err)
	}
}

func TestWhatIsWrongIsTold(t *testing.T) {
	for _, one := range []struct{ config, field, says string }{
		{`{"jsonnet": {"lib": []}}`, "jsonnet.lib", "no such field"},
		{`{"jsonnet": {"tlas": [{"name": "a", "value": "(", "code": true}]}}`, "jsonnet.tlas[0].value", "code is expected"},
		{`{"jsonnet": {"extVars": [{"name": ""}]}}`, "jsonnet.extVars[0].name", "a name"},
		{`{"include": "[a"}`, "include", "pattern"},
	} {
		_, err := Jsonnet{}.Render(&renderer.Request{Config: one.config, Files: folder(), Path: "app"})
		own := sdk.AsError(err)
		if err == nil || own.Class != sdk.InvalidConfig || own.Field != one.field || !strings.Contains(own.Message, one.says) {
			t.Errorf("%s: %v", one.config, err)
		}
	}
}

func TestDetectLooksForJsonnet(t *testing.T) {
	if is, err := (Jsonnet{}).Detect(folder(), "app"); !is || err != nil {
		t.Error(is, err)
	}
	if is, _ := (Jsonnet{}).Detect(folder(), "app/sub"); is {
		t.Error("a folder of YAML is no folder of Jsonnet")
	}
}
