//go:build !wasip1

package renderer

// Ahead does nothing outside of WebAssembly.
func Ahead(func()) {}
