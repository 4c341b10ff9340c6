//go:build !wasip1

package renderer

// Register does nothing outside of WebAssembly: tests call the renderer itself.
func Register(Renderer) {}
