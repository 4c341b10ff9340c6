package state

import (
	"testing"

	"colchis/sdk"
	"colchis/sdk/sdktest"
)

func TestAValueIsWrittenUnderItsCondition(t *testing.T) {
	sdktest.Begin(t)
	version, err := SetJSON("a/1", 7, Absent())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Set("a/1", nil, Absent()); sdk.AsError(err).Code != Conflict {
		t.Error(err)
	}
	if _, err := Set("a/1", nil, Version(version+1)); sdk.AsError(err).Code != Conflict {
		t.Error(err)
	}
	if _, err := SetJSON("a/1", 8, Version(version)); err != nil {
		t.Error(err)
	}
	var value int
	if newer, found, err := GetJSON("a/1", &value); err != nil || !found || value != 8 || newer <= version {
		t.Error(value, newer, found, err)
	}
	_, _ = Set("b", nil, Any())
	if keys, err := Keys("a/", "", 10); err != nil || len(keys) != 1 || keys[0] != "a/1" {
		t.Error(keys, err)
	}
	_ = Delete("a/1")
	if _, _, found, _ := Get("a/1"); found {
		t.Error("it is there still")
	}
}
