//go:build !wasip1

package step

// Register does nothing outside of WebAssembly: tests call the step itself.
func Register(Step) {}
