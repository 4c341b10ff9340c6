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

// Peer says what comes back for what is written on a connection. It is asked once with nothing when the connection opens, for what a server says first. A nil in what it
// says ends the connection.
type Peer = host.Peer

// Connect has connections answered by scripts, by their addresses. Where nothing is set, they go to real servers, over plain TCP.
func Connect(peers func(address string) (Peer, error)) {
	host.With(func(f *host.Fakes) { f.Peers = peers })
}

// SetArtifact is what a step finds as its input artifact: files by path; the empty path is the artifact itself.
func SetArtifact(name string, files map[string][]byte) {
	host.With(func(f *host.Fakes) { f.Artifacts[name] = files })
}

// Artifact is one that a step wrote: files by path; nil when there is none.
func Artifact(name string) (files map[string][]byte) {
	host.With(func(f *host.Fakes) { files = f.Artifacts[name] })
	return files
}

// Output is what a step added to its log until now.
func Output() (text string) {
	host.With(func(f *host.Fakes) { text = string(f.Output) })
	return text
}
