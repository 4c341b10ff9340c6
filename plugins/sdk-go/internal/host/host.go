// Package host is the host's interfaces: those of the component model in WebAssembly, and stand-ins for tests elsewhere.
//
// It must not know kinds of plugins, nor what a request over HTTP is good for.
package host

import "time"

// AWSRequest is what AWS Signature Version 4 signs.
type AWSRequest struct {
	Method  string      // GET, POST …
	URL     string      // with scheme, host, path and query
	Headers [][2]string // that are signed; `host` and `x-amz-date` are added
	Body    []byte
	Service string // `aps`, `monitoring` …
	Region  string // `eu-central-1` …
}

// Expected is the condition of a state's write: none, or that nothing is there, or a version, which is never 0.
type Expected struct {
	Absent  bool
	Version uint64
}

// Request is what is sent. Its URL is taken apart already.
type Request struct {
	Method       string
	TLS          bool
	Authority    string // host and port
	Path         string // from the first `/` on, with the query
	Headers      [][2]string
	Body         []byte
	Timeout      time.Duration
	BodyBytesMax int
	Grant        string // as a grant names its host: `https://host:443`
}

// Response is what was answered.
type Response struct {
	Status  int
	Headers [][2]string
	Body    []byte
}

// BlobReader is a large value that is lent for reading.
type BlobReader interface {
	Size() uint64
	Read(offset uint64, length uint32) ([]byte, error)
	Close()
}

// BlobWriter is a large value that is lent for writing.
type BlobWriter interface {
	Write(bytes []byte) error
	Finish() (digest string, err error)
	Close()
}

// Connection is one that is lent. Read gives nothing when nothing came, and io.EOF when the other side has ended it.
type Connection interface {
	Read(max uint32, wait time.Duration) ([]byte, error)
	Write(bytes []byte) error
	WriteSecret(text string) error
	StartTLS(serverName string) error
	Close()
}

// Artifact is an input artifact that is lent.
type Artifact interface {
	Paths() ([]string, error)
	Size(path string) (uint64, error)
	Read(path string, offset uint64, length uint32) ([]byte, error)
	Close()
}

// ArtifactWriter is an output artifact that is lent.
type ArtifactWriter interface {
	Write(path string, bytes []byte) error
	Finish() error
	Close()
}
