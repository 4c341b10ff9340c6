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

func request(config string, files sdk.Files) *renderer.Request {
	return &renderer.Request{
		Config: config, Files: files, Path: "app",
		Release: renderer.Release{Environment: map[string]string{"ARGOCD_APP_NAME": "shop"}},
	}
}

// Each folder of testdata has what `kustomize build` of the same version printed; testdata/expect.sh asks it.
func TestKustomizationsComeOutAsOfTheTool(t *testing.T) {
	expected, err := filepath.Glob("../testdata/*/expected.yaml")
	if err != nil || len(expected) < 6 {
		t.Fatalf("six folders are expected: %v %v", expected, err)
	}
	for _, file := range expected {
		folder := filepath.Dir(file)
		t.Run(filepath.Base(folder), func(t *testing.T) {
			files := read(t, folder)
			made, _, err := build(request(string(files["config.json"]), files))
			if err != nil {
				t.Fatal(err)
			}
			got, err := made.AsYaml()
			if err != nil || string(got) != string(files["expected.yaml"]) {
				t.Errorf("%v, got\n%s\nwant\n%s", err, got, files["expected.yaml"])
			}
		})
	}
}

const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: far}\n"

func TestRemoteBasesAreNamedUntilAllAreThere(t *testing.T) {
	asked := request(`{"namePrefix": "p-"}`, sdk.Files{"app/kustomization.yaml": []byte(
		"resources:\n- https://github.com/org/repo//base?ref=v1\n- https://example.com/one.yaml\n")})
	named, err := Kustomize{}.Requirements(asked)
	if err != nil || len(named) != 2 {
		t.Fatalf("%v %v", named, err)
	}
	if *named[0].Git != (renderer.Git{URL: "https://github.com/org/repo", Revision: "v1", Path: "base"}) || named[1].URL != "https://example.com/one.yaml" {
		t.Errorf("%v %v", named[0].Git, named[1].URL)
	}
	if _, err := (Kustomize{}).Render(asked); err == nil || sdk.AsError(err).Code != "missing-base" {
		t.Error(err)
	}
	asked.Fetched = map[string]sdk.Tree{
		named[0].Name: sdk.Files{"base/kustomization.yaml": []byte("resources:\n- pod.yaml\n- ../other\n- git@example.com:org/deep.git?ref=main\n"),
			"base/pod.yaml": []byte(pod), "other/kustomization.yaml": []byte("configMapGenerator:\n- {name: c, literals: [a=1]}\n")},
		named[1].Name: sdk.Files{"one.yaml": []byte(strings.ReplaceAll(pod, "far", "one"))},
	}
	if named, err = (Kustomize{}).Requirements(asked); err != nil || len(named) != 1 || named[0].Git.URL != "git@example.com:org/deep.git" {
		t.Fatalf("%v %v", named, err)
	}
	asked.Fetched[named[0].Name] = sdk.Files{"kustomization.yaml": []byte("resources: [p.yaml]\n"), "p.yaml": []byte(strings.ReplaceAll(pod, "far", "deep"))}
	if named, err = (Kustomize{}).Requirements(asked); err != nil || len(named) != 0 {
		t.Fatalf("%v %v", named, err)
	}
	made, err := Kustomize{}.Render(asked)
	if err != nil || len(made.Manifests) != 4 || !strings.Contains(made.Manifests[2].Object, `"p-far"`) {
		t.Errorf("%v %v", made, err)
	}
}

func TestURLsAreTakenApart(t *testing.T) {
	for _, one := range []struct{ entry, repository, revision, folder string }{
		{"github.com/org/repo/a/b?ref=v2", "https://github.com/org/repo", "v2", "a/b"},
		{"https://git.example.com/org/repo.git/a?version=x", "https://git.example.com/org/repo.git", "x", "a"},
		{"git::https://example.com/repo.git//a/b", "https://example.com/repo.git", "HEAD", "a/b"},
		{"ssh://git@example.com/org/repo.git", "ssh://git@example.com/org/repo.git", "HEAD", ""},
	} {
		found := requirement(one.entry)
		if found == nil || *found.Git != (renderer.Git{URL: one.repository, Revision: one.revision, Path: one.folder}) {
			t.Errorf("%s: %v", one.entry, found)
		}
	}
	for _, entry := range []string{"../base", "deployment.yaml", "./github.com"} {
		if requirement(entry) != nil {
			t.Error(entry)
		}
	}
}

func TestWhatIsWrongIsTold(t *testing.T) {
	for _, one := range []struct{ config, field, says string }{
		{`{"prefix": "a"}`, "prefix", "no such field"},
		{`{"images": ["web"]}`, "images[0]", "name:tag"},
		{`{"version": "v4"}`, "version", "one version"},
		{`{"patches": [{}]}`, "patches[0]", "either path or patch"},
		{`{"patches": [{"patch": "a", "options": {"b": true}}]}`, "patches[0].options.b", "allowNameChange"},
		{`{"replicas": [{"name": "", "count": 1}]}`, "replicas[0].name", "workload"},
		{`{"components": ["absent"]}`, "components[0]", "ignoreMissingComponents"},
		{`{"commonLabels": {"app": "b"}}`, "commonLabels.app", "forceCommonLabels"},
		{`{"commonAnnotations": {"team": "b"}}`, "commonAnnotations.team", "forceCommonAnnotations"},
	} {
		asked := request(one.config, sdk.Files{
			"app/kustomization.yaml": []byte("commonLabels: {app: a}\ncommonAnnotations: {team: a}\nresources: [pod.yaml]\n"), "app/pod.yaml": []byte(pod)})
		_, err := Kustomize{}.Render(asked)
		own := sdk.AsError(err)
		if err == nil || own.Class != sdk.InvalidConfig || own.Field != one.field || !strings.Contains(own.Message, one.says) {
			t.Errorf("%s: %v", one.config, err)
		}
	}
}

func TestFilesOutsideAreNotRead(t *testing.T) {
	_, err := Kustomize{}.Render(request("{}", sdk.Files{"app/kustomization.yaml": []byte("resources: [../secret.yaml]\n"), "secret.yaml": []byte(pod)}))
	if err == nil || !strings.Contains(err.Error(), "secret.yaml") {
		t.Error(err)
	}
}
