//go:build !wasip1

package metricprovider

// Register does nothing outside of WebAssembly: tests call the provider itself.
func Register(Provider) {}
