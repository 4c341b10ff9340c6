package main

import (
	"bytes"
	"testing"

	"colchis/sdk"
	"colchis/sdk/sdktest"
	"colchis/sdk/step"
)

func TestAnArtifactIsCopiedAndRemembered(t *testing.T) {
	sdktest.Begin(t)
	long := bytes.Repeat([]byte("1"), 100_000)
	sdktest.SetArtifact("in", map[string][]byte{"a": long, "b/c": nil})
	for _, before := range []string{"", "100000"} {
		done, err := copying{}.Start(&step.Request{Config: `{"source": "in", "target": "out"}`})
		if err != nil || done.Result != "100000" || done.Parameters["before"] != before {
			t.Error(done, err)
		}
	}
	made := sdktest.Artifact("out")
	if _, empty := made["b/c"]; !empty || !bytes.Equal(made["a"], long) {
		t.Error("the copy is another")
	}
	if said := sdktest.Output(); said != "100000 bytes\n100000 bytes\n" {
		t.Error(said)
	}
	if _, err := (copying{}).Start(&step.Request{Config: `{"source": "no", "target": "out"}`}); !sdk.IsMissing(err) {
		t.Error(err)
	}
}
