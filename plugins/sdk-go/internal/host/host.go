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
