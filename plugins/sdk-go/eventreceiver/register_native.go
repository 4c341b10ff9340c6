//go:build !wasip1

package eventreceiver

// Register does nothing outside of WebAssembly: tests call the receiver itself.
func Register(Receiver) {}
