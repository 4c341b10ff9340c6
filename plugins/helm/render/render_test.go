package render

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"colchis/sdk"
	"colchis/sdk/renderer"
)

// read takes a folder into memory.
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

func request(t *testing.T, name string) *renderer.Request {
	t.Helper()
	folder := filepath.Join("..", "testdata", name)
	config, err := os.ReadFile(filepath.Join(folder, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	return &renderer.Request{
		Config:  string(config),
		Files:   read(t, folder),
		Path:    "chart",
		Release: renderer.Release{Name: "app", Namespace: "default"},
	}
}

// Each folder of testdata has what `helm template` of the same version printed; testdata/expect.sh asks it.
func TestChartsComeOutAsOfTheTool(t *testing.T) {
	expected, err := filepath.Glob("../testdata/*/expected.yaml")
	if err != nil || len(expected) < 6 {
		t.Fatalf("six charts are expected: %v %v", expected, err)
	}
	for _, file := range expected {
		name := filepath.Base(filepath.Dir(file))
		t.Run(name, func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			documents, _, _, err := run(request(t, name))
			if err != nil {
				t.Fatal(err)
			}
			if got := text(documents); strings.TrimSpace(got) != strings.TrimSpace(string(want)) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// What is handed to the server is what a reader of the tool's output would read.
func TestObjectsAreThoseOfTheToolsOutput(t *testing.T) {
	expected, _ := filepath.Glob("../testdata/*/expected.yaml")
	for _, file := range expected {
		printed, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		objects, err := document{file: file, text: string(printed)}.objects()
		if err != nil {
			t.Fatal(err)
		}
		made, err := Helm{}.Render(request(t, filepath.Base(filepath.Dir(file))))
		if err != nil || len(made.Manifests) != len(objects) {
			t.Fatalf("%s: %v %v", file, made, err)
		}
		for i, object := range objects {
			if made.Manifests[i].Object != object {
				t.Errorf("%s: got %s, want %s", file, made.Manifests[i].Object, object)
			}
		}
	}
}

func TestManifestsAreObjectsInOrder(t *testing.T) {
	asked := request(t, "hooks")
	made, err := Helm{}.Render(asked)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, manifest := range made.Manifests {
		var object map[string]any
		if err := json.Unmarshal([]byte(manifest.Object), &object); err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, object["kind"].(string))
	}
	if got := strings.Join(kinds, " "); got != "CustomResourceDefinition Namespace ServiceAccount Thing Job" {
		t.Error(got)
	}
}

func TestNotesAreApart(t *testing.T) {
	made, err := Helm{}.Render(request(t, "values"))
	if err != nil || made.Notes != "Visit shop in front.\n" {
		t.Errorf("%q %v", made.Notes, err)
	}
}

func TestListsAreTakenApart(t *testing.T) {
	made, err := Helm{}.Render(request(t, "objects"))
	if err != nil || len(made.Manifests) != 2 || !strings.Contains(made.Manifests[1].Object, `"inner"`) {
		t.Errorf("%v %v", made, err)
	}
}

func TestTheSchemaOfAChartIsHeldUnlessSkipped(t *testing.T) {
	asked := request(t, "objects")
	asked.Config = `{"valuesObject": {"kept": {"a": 3}}}`
	_, err := Helm{}.Render(asked)
	if err == nil || sdk.AsError(err).Class != sdk.InvalidConfig || !strings.Contains(err.Error(), "kept") {
		t.Error(err)
	}
}

func small(template string) *renderer.Request {
	return &renderer.Request{
		Config: "{}",
		Files: sdk.Files{
			"Chart.yaml":       []byte("apiVersion: v2\nname: small\nversion: 1.0.0\n"),
			"templates/a.yaml": []byte(template),
		},
		Release: renderer.Release{Name: "app", Namespace: "default", KubeVersion: "v1.34.0"},
	}
}

func TestLookupAsksTheHost(t *testing.T) {
	asked := small(`
kind: A
one: {{ (lookup "v1" "Secret" "ns" "there").data.key }}
none: {{ lookup "v1" "Secret" "ns" "absent" | empty }}
all: {{ len (lookup "v1" "Pod" "" "").items }}
`)
	asked.Lookup = func(apiVersion, kind, namespace, name string) (string, error) {
		switch apiVersion + " " + kind + " " + namespace + "/" + name {
		case "v1 Secret ns/there":
			return `{"data": {"key": "value"}}`, nil
		case "v1 Pod /":
			return `{"items": [{}, {}]}`, nil
		}
		return "null", nil
	}
	made, err := Helm{}.Render(asked)
	if err != nil || made.Manifests[0].Object != `{"all":2,"kind":"A","none":true,"one":"value"}` {
		t.Errorf("%v %v", made, err)
	}
}

func TestDependenciesAreNamedAndTakenFromWhatWasFetched(t *testing.T) {
	asked := small("kind: A\n")
	files := asked.Files.(sdk.Files)
	files["Chart.yaml"] = []byte(`apiVersion: v2
name: small
version: 1.0.0
dependencies:
- {name: far, version: "^1.0.0", repository: "https://charts.example.com/stable"}
- {name: near, version: 1.0.0, repository: "file://../near"}
- {name: image, version: 2.0.0, repository: "oci://registry.example.com/charts"}
`)
	files["Chart.lock"] = []byte("dependencies:\n- {name: far, version: 1.2.3, repository: \"https://charts.example.com/stable\"}\n")
	files["near/Chart.yaml"] = []byte("apiVersion: v2\nname: near\nversion: 1.0.0\n")
	files["near/templates/n.yaml"] = []byte("kind: Near\n")
	for _, name := range []string{"Chart.yaml", "Chart.lock", "templates/a.yaml"} {
		files["app/"+name] = files[name]
		delete(files, name)
	}
	asked.Path = "app"
	named, err := Helm{}.Requirements(asked)
	if err != nil || len(named) != 2 {
		t.Fatalf("%v %v", named, err)
	}
	if *named[0].Chart != (renderer.Chart{Repository: "https://charts.example.com/stable", Name: "far", Version: "1.2.3"}) {
		t.Error(named[0].Chart)
	}
	if *named[1].OCI != (renderer.OCI{Reference: "registry.example.com/charts/image", Version: "2.0.0"}) {
		t.Error(named[1].OCI)
	}
	fetched := func(name, prefix string) sdk.Files {
		return sdk.Files{
			prefix + "Chart.yaml":       []byte("apiVersion: v2\nname: " + name + "\nversion: 1.2.3\n"),
			prefix + "templates/f.yaml": []byte("kind: " + strings.ToUpper(name) + "\n"),
		}
	}
	asked.Fetched = map[string]sdk.Tree{named[0].Name: fetched("far", ""), named[1].Name: fetched("image", "image/")}
	if named, err = (Helm{}).Requirements(asked); err != nil || len(named) != 0 {
		t.Errorf("%v %v", named, err)
	}
	made, err := Helm{}.Render(asked)
	if err != nil || len(made.Manifests) != 4 {
		t.Errorf("%v %v", made, err)
	}
}

// The digests are those that the real tool wrote for these dependencies.
func TestALockFileOfOtherDependenciesIsRefused(t *testing.T) {
	for _, one := range []struct{ dependencies, locked, digest string }{
		{
			`[{"name": "postgresdb", "version": "1.0.0", "repository": "https://baja-ks.github.io/Helm/stable", "condition": "postgresdb.enabled"}]`,
			`[{"name": "postgresdb", "version": "1.0.0", "repository": "https://baja-ks.github.io/Helm/stable"}]`,
			"sha256:430ccf8a9510ad4148198d4a33ccafc13e0ab3bc586e987a4d5df5c44c6a115a",
		},
		{
			`[{"name": "apache", "version": "9.x.x", "repository": "https://charts.bitnami.com/bitnami", "tags": ["demo"]},
			{"name": "mariadb", "version": "11.x.x", "repository": "https://charts.bitnami.com/bitnami", "tags": ["demo"]},
			{"name": "nginx", "version": "^13.2.30", "repository": "https://charts.bitnami.com/bitnami", "tags": ["docs"]}]`,
			`[{"name": "apache", "version": "9.2.19", "repository": "https://charts.bitnami.com/bitnami"},
			{"name": "mariadb", "version": "11.5.5", "repository": "https://charts.bitnami.com/bitnami"},
			{"name": "nginx", "version": "13.2.30", "repository": "https://charts.bitnami.com/bitnami"}]`,
			"sha256:519d051365856f6a8724e306298c5b557089ac947fa6d710e93e2e6d67f48465",
		},
	} {
		asked := small("kind: A\n")
		files := asked.Files.(sdk.Files)
		chart := `{"apiVersion": "v2", "name": "small", "version": "1.0.0", "dependencies": ` + one.dependencies + `}`
		files["Chart.yaml"] = []byte(chart)
		files["Chart.lock"] = []byte(`{"dependencies": ` + one.locked + `, "digest": "` + one.digest + `"}`)
		if named, err := (Helm{}).Requirements(asked); err != nil || len(named) == 0 {
			t.Fatalf("%v %v", named, err)
		}
		files["Chart.yaml"] = []byte(strings.Replace(chart, `"repository"`, `"alias": "x", "repository"`, 1))
		_, err := Helm{}.Requirements(asked)
		if err == nil || sdk.AsError(err).Code != "lock-out-of-sync" || !strings.Contains(err.Error(), "helm dependency update") {
			t.Error(err)
		}
	}
}

func TestValueFilesOfFurtherSourcesAndURLs(t *testing.T) {
	asked := small("kind: A\na: {{ .Values.a }}\nb: {{ .Values.b }}\nc: {{ .Values.c }}\n")
	asked.Config = `{"valueFiles": ["$shared/values.yaml", "https://example.com/v.yaml", "/root.yaml"],
		"parameters": [{"name": "c", "value": "$ARGOCD_APP_NAME $$x $other"}]}`
	asked.Release.Environment = map[string]string{"ARGOCD_APP_NAME": "shop"}
	asked.Files.(sdk.Files)["root.yaml"] = []byte("b: root\n")
	named, err := Helm{}.Requirements(asked)
	if err != nil || len(named) != 1 || named[0].URL != "https://example.com/v.yaml" {
		t.Fatalf("%v %v", named, err)
	}
	asked.Fetched = map[string]sdk.Tree{
		"shared":      sdk.Files{"values.yaml": []byte("a: shared\nb: shared\n")},
		named[0].Name: sdk.Files{"v.yaml": []byte("b: url\n")},
	}
	made, err := Helm{}.Render(asked)
	if err != nil || made.Manifests[0].Object != `{"a":"shared","b":"root","c":"shop $x $other","kind":"A"}` {
		t.Errorf("%v %v", made, err)
	}
}

func TestWhatIsWrongIsTold(t *testing.T) {
	for _, one := range []struct{ config, field, says string }{
		{`{"valuefiles": []}`, "valuefiles", "no such field"},
		{`{"parameters": [{"name": "a", "val": "b"}]}`, "parameters[0].val", "no such field"},
		{`{"releaseName": "A"}`, "releaseName", "lower case"},
		{`{"version": "v2"}`, "version", "Helm 3"},
		{`{"kubeVersion": "new"}`, "kubeVersion", "1.34.0"},
		{`{"values": "a: [", "valuesObject": null}`, "values", "YAML"},
		{`{"valueFiles": ["absent.yaml"]}`, "valueFiles[0]", "ignoreMissingValueFiles"},
		{`{"valueFiles": ["$none/a.yaml"]}`, "valueFiles[0]", "ref"},
		{`{"valueFiles": ["../../a.yaml"]}`, "valueFiles[0]", "leads out"},
		{`{"fileParameters": [{"name": "a", "path": "absent"}]}`, "fileParameters[0].path", "absent"},
		{`{"releaseName": 3}`, "releaseName", "a text"},
	} {
		asked := small("kind: A\n")
		asked.Config = one.config
		_, err := Helm{}.Render(asked)
		own := sdk.AsError(err)
		if err == nil || own.Class != sdk.InvalidConfig || own.Field != one.field || !strings.Contains(own.Message, one.says) {
			t.Errorf("%s: %v", one.config, err)
		}
	}
}

func TestATemplateThatFailsIsTold(t *testing.T) {
	_, err := Helm{}.Render(small(`{{ required "give a name" .Values.name }}`))
	if err == nil || sdk.AsError(err).Code != "template-failed" || !strings.Contains(err.Error(), "give a name") {
		t.Error(err)
	}
}

func TestTheSchemaHasTheFieldsOfTheConfiguration(t *testing.T) {
	var document struct {
		Properties map[string]any `json:"properties"`
	}
	if err := json.Unmarshal([]byte(schema), &document); err != nil {
		t.Fatal(err)
	}
	for name := range document.Properties {
		// A field that the struct lacks is refused, whatever its value.
		if err := sdk.Decode(`{"`+name+`": null}`, &Config{}); err != nil {
			t.Error(err)
		}
	}
	if len(document.Properties) != 15 {
		t.Error(len(document.Properties))
	}
}
