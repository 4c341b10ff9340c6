// Package endpoint has connections to granted endpoints, for protocols other than HTTP: needs a grant (sdk.Endpoint). The host resolves, connects and does TLS; the
// protocol is the plugin's. An address that is not granted is denied, and the error names the grant to add.
//
// A subscription keeps its connection from call to call, and closes it in its Close; all others are closed before their call ends.
package endpoint

import (
	"math"
	"time"

	"colchis/sdk/internal/host"
)

// Connection is an open connection. Stream is the same with a buffer, and what most protocols are read from.
type Connection struct{ lent host.Connection }

// Open connects to `tcp://host:port` or `tls://host:port`, as granted.
func Open(address string) (*Connection, error) {
	lent, err := host.Connect(address)
	if err != nil {
		return nil, err
	}
	return &Connection{lent}, nil
}

// Read waits for bytes, at most so many of them and at most that long; not at all for 0. It gives none when none came, and io.EOF when the other side has ended the
// connection.
func (c *Connection) Read(most int, wait time.Duration) ([]byte, error) {
	return c.lent.Read(uint32(min(max(most, 0), math.MaxInt32)), max(wait, 0))
}

// Write writes all of them.
func (c *Connection) Write(bytes []byte) (int, error) {
	if err := c.lent.Write(bytes); err != nil {
		return 0, err
	}
	return len(bytes), nil
}

// WriteSecret writes a text with stand-ins of secrets in it, which are granted for this endpoint.
func (c *Connection) WriteSecret(text string) error { return c.lent.WriteSecret(text) }

// StartTLS goes on with TLS, for protocols that begin without. The name is the endpoint's where none is given.
func (c *Connection) StartTLS(serverName string) error { return c.lent.StartTLS(serverName) }

// Close closes it. Asked twice, it does no harm.
func (c *Connection) Close() error {
	c.lent.Close()
	return nil
}
