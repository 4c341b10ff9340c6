// Package call is about the call that is under way: how long it may still take, and whether anybody waits for it.
package call

import (
	"time"

	"colchis/sdk"
	"colchis/sdk/internal/host"
)

// IsCancelled says whether to stop now: the caller gave up, or the server stops.
func IsCancelled() bool { return host.IsCancelled() }

// Check is an error when it is time to stop: asked in a loop that takes long.
func Check() error {
	if IsCancelled() {
		return sdk.NotThere("cancelled", "the call was cancelled")
	}
	return nil
}

// Remaining is how long the call may still take. The host ends one that goes on past that, and its instance with it.
func Remaining() time.Duration { return host.Remaining() }
