// Package state has values that last from call to call: needs the grant `state`. Each plugin has its own, and within it each object that uses it.
package state

import (
	"encoding/json"

	"colchis/sdk"
	"colchis/sdk/internal/host"
)

// Conflict is the code of the error when a write's condition does not hold.
const Conflict = "conflict"

// Expected is the condition of a write.
type Expected = host.Expected

// Any is no condition.
func Any() Expected { return Expected{} }

// Absent is that nothing is there.
func Absent() Expected { return Expected{Absent: true} }

// Version is that the value has this version.
func Version(version uint64) Expected { return Expected{Version: version} }

// Get reads a value and its version; found is false where there is none.
func Get(key string) (value []byte, version uint64, found bool, err error) { return host.StateGet(key) }

// GetJSON reads JSON.
func GetJSON(key string, into any) (version uint64, found bool, err error) {
	value, version, found, err := Get(key)
	if err != nil || !found {
		return 0, false, err
	}
	if err := json.Unmarshal(value, into); err != nil {
		return 0, false, sdk.Failed("bad-state", "the state `%s` cannot be read: %v", key, err)
	}
	return version, true, nil
}

// Set writes durably, and answers the new version. The error's code is Conflict when the condition does not hold.
func Set(key string, value []byte, expected Expected) (uint64, error) {
	return host.StateSet(key, value, expected)
}

// SetJSON writes JSON.
func SetJSON(key string, value any, expected Expected) (uint64, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return 0, sdk.Failed("bad-state", "the state `%s` is not JSON: %v", key, err)
	}
	return Set(key, text, expected)
}

// Delete removes. Removing what is not there is no error.
func Delete(key string) error { return host.StateDelete(key) }

// Keys gives keys that begin with a prefix, in order, after `after` (all when empty), at most limit.
func Keys(prefix, after string, limit uint32) ([]string, error) {
	return host.StateKeys(prefix, after, limit)
}
