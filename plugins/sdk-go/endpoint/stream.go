package endpoint

import (
	"errors"
	"io"
	"time"

	"colchis/sdk"
)

// readBytesMax is how much is read at once.
const readBytesMax = 64 << 10

// Stream is a connection with what came and was not taken yet: what a protocol is read from.
type Stream struct {
	connection *Connection
	address    string
	bytes      []byte
	bytesMax   int
}

// OpenStream connects. At most so many bytes are kept before they are taken: a longer message of the other side is an error.
func OpenStream(address string, bytesMax int) (*Stream, error) {
	connection, err := Open(address)
	if err != nil {
		return nil, err
	}
	return &Stream{connection: connection, address: address, bytesMax: bytesMax}, nil
}

// Bytes is what came and was not taken, good until the next Fill.
func (s *Stream) Bytes() []byte { return s.bytes }

// Take takes so many bytes, or all when there are fewer.
func (s *Stream) Take(count int) []byte {
	count = min(max(count, 0), len(s.bytes))
	taken := s.bytes[:count:count]
	s.bytes = s.bytes[count:]
	return taken
}

// Fill waits for more bytes, at most that long; whether some came. A connection that was ended is Unavailable, with the code `disconnected`.
func (s *Stream) Fill(wait time.Duration) (bool, error) {
	room := s.bytesMax - len(s.bytes)
	if room <= 0 {
		return false, sdk.Failed("message-too-large", "%s sent a message of more than %d bytes", s.address, s.bytesMax)
	}
	came, err := s.connection.Read(min(room, readBytesMax), wait)
	if errors.Is(err, io.EOF) {
		return false, sdk.NotThere("disconnected", "%s has ended the connection", s.address)
	}
	s.bytes = append(s.bytes, came...)
	return len(came) > 0, err
}

// Write writes all of them.
func (s *Stream) Write(bytes []byte) (int, error) { return s.connection.Write(bytes) }

// WriteSecret writes a text with stand-ins of secrets in it, which are granted for this endpoint.
func (s *Stream) WriteSecret(text string) error { return s.connection.WriteSecret(text) }

// StartTLS goes on with TLS. What came before is forgotten: it was not said in the encrypted connection.
func (s *Stream) StartTLS() error {
	s.bytes = nil
	return s.connection.StartTLS("")
}

// Address is where it goes to.
func (s *Stream) Address() string { return s.address }

// Close closes the connection. Asked twice, it does no harm.
func (s *Stream) Close() error { return s.connection.Close() }
