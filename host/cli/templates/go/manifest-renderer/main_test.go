package main

import (
	"os"
	"strings"
	"testing"

	"colchis/sdk"
	"colchis/sdk/renderer"
)

func TestFilesBecomeAConfigMap(t *testing.T) {
	config, err := os.ReadFile("config.json")
	if err != nil {
		t.Fatal(err)
	}
	files := sdk.Files{"a.txt": []byte("one"), "b.md": []byte("two")}
	if is, err := (texts{}).Detect(files, ""); err != nil || !is {
		t.Error(is, err)
	}
	release := renderer.Release{Name: "app", Namespace: "ns"}
	made, err := texts{}.Render(&renderer.Request{Config: string(config), Files: files, Release: release})
	if err != nil || len(made.Manifests) != 1 {
		t.Fatal(made, err)
	}
	object := made.Manifests[0].Object
	if !strings.Contains(object, `"data":{"a.txt":"one"}`) || !strings.Contains(object, `"name":"texts"`) {
		t.Error(object)
	}
}
