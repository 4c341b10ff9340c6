package step

import (
	"io"
	"testing"

	"colchis/sdk"
	"colchis/sdk/sdktest"
)

func TestArtifactsAreReadAndWritten(t *testing.T) {
	sdktest.Begin(t)
	sdktest.SetArtifact("in", map[string][]byte{"a": []byte("one"), "b/c": []byte("two")})
	read, err := OpenArtifact("in")
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	written, err := CreateArtifact("out")
	if err != nil {
		t.Fatal(err)
	}
	defer written.Close()
	paths, err := read.Paths()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		bytes, err := io.ReadAll(read.File(path))
		if err != nil || written.Write(path, bytes[1:]) != nil {
			t.Error(path, err)
		}
	}
	if sdktest.Artifact("out") != nil {
		t.Error("it is there before it is finished")
	}
	if err := written.Finish(); err != nil {
		t.Fatal(err)
	}
	if made := sdktest.Artifact("out"); string(made["a"]) != "ne" || string(made["b/c"]) != "wo" {
		t.Error(made)
	}
	Output("done\n")
	if said := sdktest.Output(); said != "done\n" {
		t.Error(said)
	}
	if _, err := read.Size("d"); !sdk.IsMissing(err) {
		t.Error(err)
	}
	if _, err := OpenArtifact("other"); !sdk.IsMissing(err) {
		t.Error(err)
	}
}
