//go:build !wasip1

package eventsubscriber

// Register does nothing outside of WebAssembly: tests call the subscriber itself.
func Register(Subscriber) {}
