package sdk

import (
	"strings"
	"testing"
)

type config struct {
	Name  string            `json:"name"`
	Count int               `json:"count"`
	Words map[string]string `json:"words"`
	Parts []struct {
		Path string `json:"path"`
	} `json:"parts"`
	Free map[string]any `json:"free"`
}

func TestConfigurationsAreStrict(t *testing.T) {
	for _, one := range []struct{ text, field, says string }{
		{`{"name": "a", "count": 1, "words": {"a": "b"}, "parts": [{"path": "x"}], "free": {"a": {"b": [1]}}}`, "", ""},
		{`{"nam": "a"}`, "nam", "no such field"},
		{`{"parts": [{"path": "a"}, {"pth": "b"}]}`, "parts[1].pth", "no such field"},
		{`{"count": "1"}`, "count", "a whole number is expected"},
		{`{"Name": "a"}`, "Name", "no such field"},
		{`{} {}`, "", "something follows"},
		{`{`, "", "no JSON"},
	} {
		err := Decode(one.text, &config{})
		if one.says == "" {
			if err != nil {
				t.Errorf("%s: %v", one.text, err)
			}
			continue
		}
		if own := AsError(err); err == nil || own.Field != one.field || !strings.Contains(own.Message, one.says) {
			t.Errorf("%s: %v", one.text, err)
		}
	}
}

func TestATreeInMemoryIsATree(t *testing.T) {
	files := Files{"a/b.txt": []byte("b"), "a/c/d.txt": []byte("dd"), "e.txt": []byte("e")}
	var seen []string
	if err := Walk(files, "", func(path string, _ Entry) error { seen = append(seen, path); return nil }); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(seen, " "); got != "a/b.txt a/c/d.txt e.txt" {
		t.Error(got)
	}
	if entry, err := files.Stat("a/c"); err != nil || !entry.Folder || entry.Name != "c" {
		t.Error(entry, err)
	}
	for _, path := range []string{"../a", "a/../../x", "absent"} {
		if _, err := files.Read(path); !IsMissing(err) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
