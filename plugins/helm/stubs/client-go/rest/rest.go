// Package rest names the configuration of a client. There is none: the plugin brings its own client.
package rest

// Config says how a cluster is reached.
type Config struct{}
