//go:build !wasip1

// Package sdktest is for tests of plugins, which `go test` runs natively: it stands in for the host. Requests over HTTP go to real servers, as those of
// `net/http/httptest`.
package sdktest

import (
	"fmt"
	"testing"
	"time"

	"colchis/sdk/internal/host"
)

// Begin makes everything as at the beginning, now and at the end of the test. Tests that use it do not run side by side.
func Begin(t *testing.T) {
	t.Helper()
	host.Reset()
	t.Cleanup(host.Reset)
}

// SetSecret grants a secret of that name, and gives its stand-in, as configurations have it: it signs and verifies, and its value is sent in the stand-in's place.
func SetSecret(name, value string) (standIn string) {
	host.With(func(f *host.Fakes) { f.Secrets[name] = []byte(value) })
	return host.StandInPrefix + name
}

// SetCall says how long the call may still take, and whether it was cancelled.
func SetCall(remaining time.Duration, cancelled bool) {
	host.With(func(f *host.Fakes) { f.Left, f.Cancelled = remaining, cancelled })
}

// Logged is what was logged until now: each line with its fields behind it.
func Logged() (lines []string) {
	host.With(func(f *host.Fakes) {
		for _, line := range f.Log {
			text := line.Message
			for _, field := range line.Fields {
				text += fmt.Sprintf(" %s=%s", field[0], field[1])
			}
			lines = append(lines, text)
		}
	})
	return lines
}
