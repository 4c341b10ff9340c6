package main

import (
	"strings"
	"testing"

	"colchis/sdk/sdktest"
)

func TestLinesBecomeEventsAndAreAcknowledged(t *testing.T) {
	sdktest.Begin(t)
	var written []string
	sdktest.Connect(func(string) (sdktest.Peer, error) {
		return func(text []byte) [][]byte {
			written = append(written, string(text))
			if string(text) == "FROM 6\n" {
				return [][]byte{[]byte("7 sev"), []byte("en\n8 eight\n9 ni")}
			}
			return nil
		}, nil
	})
	opened, err := lines{}.Open(`{"address": "lines.example"}`, "l", "6")
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range []struct {
		most   int
		ids    string
		cursor string
	}{{9, "", "6"}, {1, "7", "7"}, {9, "8", "8"}} {
		batch, err := opened.Poll(one.most, 0)
		if err != nil {
			t.Fatal(err)
		}
		ids := ""
		for _, event := range batch.Events {
			ids += event.ID
		}
		if ids != one.ids || batch.Cursor != one.cursor {
			t.Error(ids, batch.Cursor, one)
		}
		if err := opened.Ack(batch.Delivery); err != nil {
			t.Error(err)
		}
	}
	if said := strings.Join(written, ""); said != "FROM 6\nACK 6\nACK 7\nACK 8\n" {
		t.Error(said)
	}
	opened.Drain()
	if batch, err := opened.Poll(9, 0); err != nil || len(batch.Events) != 0 {
		t.Error(batch, err)
	}
	opened.Close()
}

func TestAServerHasAnAddress(t *testing.T) {
	for _, text := range []string{`{"address": "user:hush@lines.example"}`, `{"address": 7}`, `{"address": ""}`} {
		if found := (lines{}).Check(text); len(found) != 1 || found[0].Field != "address" {
			t.Error(text, found)
		}
	}
}
