//go:build !wasip1

package trigger

// Register does nothing outside of WebAssembly: tests call the trigger itself.
func Register(Trigger) {}
