//go:build wasip1

package host

import (
	"io"
	"time"

	blobs "colchis/sdk/internal/bindings/colchis_plugin_blobs"
	endpoints "colchis/sdk/internal/bindings/colchis_plugin_endpoints"
	"colchis/sdk/internal/convert"
)

func BlobOpen(name string) (BlobReader, error) {
	result := blobs.Open(name)
	if result.IsErr() {
		return nil, convert.Fault(result.Err())
	}
	return reader{result.Ok()}, nil
}

func BlobCreate(name string) (BlobWriter, error) {
	result := blobs.Create(name)
	if result.IsErr() {
		return nil, convert.Fault(result.Err())
	}
	return writer{result.Ok()}, nil
}

func BlobDelete(name string) error { return convert.Done(blobs.Delete(name)) }

type reader struct{ lent *blobs.Reader }

func (r reader) Size() uint64 { return r.lent.Size() }

func (r reader) Read(offset uint64, length uint32) ([]byte, error) {
	return bytes(r.lent.Read(offset, length))
}

func (r reader) Close() { r.lent.Drop() }

type writer struct{ lent *blobs.Writer }

func (w writer) Write(bytes []byte) error { return convert.Done(w.lent.Write(bytes)) }

func (w writer) Finish() (string, error) { return text(w.lent.Finish()) }

func (w writer) Close() { w.lent.Drop() }

func Connect(address string) (Connection, error) {
	result := endpoints.Open(address)
	if result.IsErr() {
		return nil, convert.Fault(result.Err())
	}
	return connection{result.Ok()}, nil
}

type connection struct{ lent *endpoints.Connection }

func (c connection) Read(max uint32, wait time.Duration) ([]byte, error) {
	result := c.lent.Read(max, uint64(wait.Milliseconds()))
	if result.IsErr() {
		return nil, convert.Fault(result.Err())
	}
	switch input := result.Ok(); input.Tag() {
	case endpoints.InputBytes:
		return append([]byte(nil), input.Bytes()...), nil
	case endpoints.InputClosed:
		return nil, io.EOF
	default:
		return nil, nil
	}
}

func (c connection) Write(bytes []byte) error { return convert.Done(c.lent.Write(bytes)) }

func (c connection) WriteSecret(text string) error { return convert.Done(c.lent.WriteSecret(text)) }

func (c connection) StartTLS(serverName string) error {
	return convert.Done(c.lent.StartTls(convert.Option(serverName)))
}

func (c connection) Close() { c.lent.Drop() }
