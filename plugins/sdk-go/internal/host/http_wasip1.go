//go:build wasip1

package host

import (
	"fmt"
	"strings"
	"time"

	"colchis/sdk"
	clock "colchis/sdk/internal/bindings/wasi_clocks_monotonic_clock"
	handler "colchis/sdk/internal/bindings/wasi_http_outgoing_handler"
	wasi "colchis/sdk/internal/bindings/wasi_http_types"
	poll "colchis/sdk/internal/bindings/wasi_io_poll"
	streams "colchis/sdk/internal/bindings/wasi_io_streams"

	wit "go.bytecodealliance.org/pkg/wit/types"
)

// pieceBytes is how much is read or written at once.
const pieceBytes = 64 << 10

// slice is how long is waited before the call is asked whether it was cancelled.
const slice = 250 * time.Millisecond

// exchange is a request that is under way. Everything that it opens is dropped at its end: what is left to the collector is dropped in the middle of another call.
type exchange struct {
	request *Request
	end     uint64 // by the monotonic clock
	opened  []interface{ Drop() }
}

// Send sends a request and reads the whole answer within its time.
func Send(request *Request) (*Response, error) {
	x := &exchange{request: request, end: clock.Now() + uint64(max(request.Timeout, 0))}
	defer x.close()
	outgoing, body, err := x.outgoing()
	if err != nil {
		return nil, err
	}
	handled := handler.Handle(outgoing, wit.Some(options(request.Timeout)))
	if handled.IsErr() {
		body.Drop()
		return nil, x.refused(handled.Err())
	}
	pending := keep(x, handled.Ok())
	// A server may answer before it has read everything; what it answers says more than that it stopped reading.
	written := x.write(body)
	answer, err := x.answer(pending)
	if err != nil {
		if written != nil && sdk.AsError(written).Code == "cancelled" {
			return nil, written
		}
		return nil, err
	}
	return x.read(answer)
}

func keep[T interface{ Drop() }](x *exchange, opened T) T {
	x.opened = append(x.opened, opened)
	return opened
}

// close drops what was opened, the last first: a stream goes before its body.
func (x *exchange) close() {
	for i := len(x.opened) - 1; i >= 0; i-- {
		x.opened[i].Drop()
	}
}

func (x *exchange) outgoing() (*wasi.OutgoingRequest, *wasi.OutgoingBody, error) {
	fields := wasi.MakeFields()
	for _, header := range x.request.Headers {
		if fields.Append(header[0], []byte(header[1])).IsErr() {
			fields.Drop()
			return nil, nil, sdk.Invalid("", "the header `%s` cannot be sent", header[0])
		}
	}
	if len(x.request.Body) > 0 {
		// Some hosts send bodies of unknown length in chunks, which old servers do not take.
		fields.Set("content-length", [][]uint8{fmt.Append(nil, len(x.request.Body))})
	}
	outgoing := wasi.MakeOutgoingRequest(fields)
	scheme := wasi.MakeSchemeHttp()
	if x.request.TLS {
		scheme = wasi.MakeSchemeHttps()
	}
	for _, set := range []struct {
		what   string
		failed bool
	}{
		{"the method `" + x.request.Method + "`", outgoing.SetMethod(method(x.request.Method)).IsErr()},
		{"the scheme", outgoing.SetScheme(wit.Some(scheme)).IsErr()},
		{"the host `" + x.request.Authority + "`", outgoing.SetAuthority(wit.Some(x.request.Authority)).IsErr()},
		{"the path", outgoing.SetPathWithQuery(wit.Some(x.request.Path)).IsErr()},
	} {
		if set.failed {
			outgoing.Drop()
			return nil, nil, (&sdk.Error{Class: sdk.InvalidConfig, Code: "bad-url", Message: set.what + " cannot be asked for"})
		}
	}
	body := outgoing.Body()
	if body.IsErr() {
		outgoing.Drop()
		return nil, nil, broken("a request has one body")
	}
	return outgoing, body.Ok(), nil
}

func method(name string) wasi.Method {
	switch name {
	case "GET":
		return wasi.MakeMethodGet()
	case "HEAD":
		return wasi.MakeMethodHead()
	case "POST":
		return wasi.MakeMethodPost()
	case "PUT":
		return wasi.MakeMethodPut()
	case "DELETE":
		return wasi.MakeMethodDelete()
	case "OPTIONS":
		return wasi.MakeMethodOptions()
	case "PATCH":
		return wasi.MakeMethodPatch()
	default:
		return wasi.MakeMethodOther(name)
	}
}

// options are those of a request. A host may not know them; the end holds all the same.
func options(timeout time.Duration) *wasi.RequestOptions {
	options := wasi.MakeRequestOptions()
	limit := wit.Some(uint64(max(timeout, 0)))
	options.SetConnectTimeout(limit)
	options.SetFirstByteTimeout(limit)
	options.SetBetweenBytesTimeout(limit)
	return options
}

// wait waits until something is ready; an error when the time is over or the call was cancelled.
func (x *exchange) wait(ready *poll.Pollable) error {
	for {
		now := clock.Now()
		if now >= x.end {
			return late(x.request)
		}
		timer := clock.SubscribeInstant(min(x.end, now+uint64(slice)))
		found := poll.Poll([]*poll.Pollable{ready, timer})
		timer.Drop()
		for _, index := range found {
			if index == 0 {
				return nil
			}
		}
		if IsCancelled() {
			return sdk.NotThere("cancelled", "the call was cancelled")
		}
	}
}

func (x *exchange) write(body *wasi.OutgoingBody) error {
	stopped := func() error { return sdk.NotThere("http", "%s stopped reading the request", x.request.Authority) }
	opened := body.Write()
	if opened.IsErr() {
		body.Drop()
		return broken("a body has one stream")
	}
	if err := x.pour(opened.Ok(), stopped); err != nil {
		body.Drop()
		return err
	}
	if finished := wasi.OutgoingBodyFinish(body, wit.None[*wasi.Fields]()); finished.IsErr() {
		return x.refused(finished.Err())
	}
	return nil
}

func (x *exchange) pour(stream *streams.OutputStream, stopped func() error) error {
	defer stream.Drop()
	ready := stream.Subscribe()
	defer ready.Drop()
	for left := x.request.Body; len(left) > 0; {
		free := stream.CheckWrite()
		if free.IsErr() {
			return stopped()
		}
		if free.Ok() == 0 {
			if err := x.wait(ready); err != nil {
				return err
			}
			continue
		}
		size := int(min(free.Ok(), pieceBytes, uint64(len(left))))
		if stream.Write(left[:size]).IsErr() {
			return stopped()
		}
		left = left[size:]
	}
	if stream.Flush().IsErr() {
		return stopped()
	}
	return nil
}

func (x *exchange) answer(pending *wasi.FutureIncomingResponse) (*wasi.IncomingResponse, error) {
	ready := pending.Subscribe()
	defer ready.Drop()
	for {
		got := pending.Get()
		switch {
		case got.IsNone():
			if err := x.wait(ready); err != nil {
				return nil, err
			}
		case got.Some().IsErr():
			return nil, broken("an answer is taken once")
		case got.Some().Ok().IsErr():
			return nil, x.refused(got.Some().Ok().Err())
		default:
			return keep(x, got.Some().Ok().Ok()), nil
		}
	}
}

func (x *exchange) read(answer *wasi.IncomingResponse) (*Response, error) {
	response := &Response{Status: int(answer.Status())}
	headers := answer.Headers()
	for _, header := range headers.Entries() {
		response.Headers = append(response.Headers, [2]string{strings.Clone(header.F0), string(header.F1)})
	}
	headers.Drop()
	body := answer.Consume()
	if body.IsErr() {
		return nil, broken("an answer has one body")
	}
	stream := keep(x, body.Ok()).Stream()
	if stream.IsErr() {
		return nil, broken("a body has one stream")
	}
	opened := keep(x, stream.Ok())
	ready := keep(x, opened.Subscribe())
	for {
		piece := opened.Read(pieceBytes)
		if piece.IsErr() {
			failed := piece.Err()
			if failed.Tag() == streams.StreamErrorClosed {
				return response, nil
			}
			reason := keep(x, failed.LastOperationFailed()).ToDebugString()
			return nil, sdk.NotThere("http", "%s: the answer broke off: %s", x.request.Authority, strings.Clone(reason))
		}
		if len(piece.Ok()) == 0 {
			if err := x.wait(ready); err != nil {
				return nil, err
			}
		}
		response.Body = append(response.Body, piece.Ok()...)
		if len(response.Body) > x.request.BodyBytesMax {
			return nil, tooLong(x.request)
		}
	}
}

// refused is an error of `wasi:http`.
func (x *exchange) refused(code wasi.ErrorCode) error {
	host, tag := x.request.Authority, code.Tag()
	switch tag {
	case wasi.ErrorCodeHttpRequestDenied:
		return sdk.Refused("not-granted", "requests to %s are not granted: add `%s` to the plugin's HTTP grants", host, x.request.Grant)
	case wasi.ErrorCodeDestinationIpProhibited:
		return sdk.Refused("address-prohibited", "%s is at an address that requests may not go to: `%s` has to be granted by address", host, x.request.Grant)
	case wasi.ErrorCodeTlsCertificateError:
		return sdk.Refused("certificate", "the certificate of %s is not trusted: its authority has to be made known to the server", host)
	case wasi.ErrorCodeDnsTimeout, wasi.ErrorCodeDnsError, wasi.ErrorCodeDestinationNotFound:
		return sdk.NotThere("name-unknown", "the name of %s cannot be resolved", host)
	case wasi.ErrorCodeConnectionRefused:
		return sdk.NotThere("refused", "%s refuses the connection", host)
	case wasi.ErrorCodeConnectionTimeout, wasi.ErrorCodeConnectionReadTimeout, wasi.ErrorCodeConnectionWriteTimeout, wasi.ErrorCodeHttpResponseTimeout:
		return late(x.request)
	case wasi.ErrorCodeHttpRequestMethodInvalid, wasi.ErrorCodeHttpRequestUriInvalid, wasi.ErrorCodeHttpRequestUriTooLong:
		return sdk.Invalid("", "the request to %s cannot be sent: its method or address is not valid", host)
	case wasi.ErrorCodeHttpRequestBodySize, wasi.ErrorCodeHttpRequestHeaderSize, wasi.ErrorCodeHttpRequestHeaderSectionSize,
		wasi.ErrorCodeHttpResponseBodySize, wasi.ErrorCodeHttpResponseHeaderSize, wasi.ErrorCodeHttpResponseHeaderSectionSize,
		wasi.ErrorCodeLoopDetected, wasi.ErrorCodeConfigurationError:
		return sdk.Failed("http", "the request to %s cannot be made: something of it or of its answer is larger than allowed (%d)", host, tag)
	case wasi.ErrorCodeInternalError:
		return sdk.NotThere("http", "%s: %s", host, strings.Clone(code.InternalError().SomeOr("it cannot be asked")))
	default:
		return sdk.NotThere("http", "%s cannot be asked (error %d of wasi:http)", host, tag)
	}
}
