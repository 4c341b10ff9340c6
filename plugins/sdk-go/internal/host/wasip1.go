//go:build wasip1

package host

import (
	"strings"
	"time"

	"colchis/sdk"
	cancellation "colchis/sdk/internal/bindings/colchis_plugin_cancellation"
	hostlog "colchis/sdk/internal/bindings/colchis_plugin_log"
	secrets "colchis/sdk/internal/bindings/colchis_plugin_secrets"
	state "colchis/sdk/internal/bindings/colchis_plugin_state"
	types "colchis/sdk/internal/bindings/colchis_plugin_types"
	"colchis/sdk/internal/convert"

	wit "go.bytecodealliance.org/pkg/wit/types"
)

func IsCancelled() bool { return cancellation.IsCancelled() }

func Remaining() time.Duration {
	// A call without an end has more than a Duration holds.
	const longest = uint64(1<<63-1) / uint64(time.Millisecond)
	return time.Duration(min(cancellation.Remaining(), longest)) * time.Millisecond
}

func LogEnabled(level uint8) bool { return hostlog.Enabled(level) }

func Log(level uint8, message string, fields [][2]string) {
	hostlog.Write(level, message, convert.Listed(fields))
}

func StandIn(name string) (string, error) { return text(secrets.StandIn(name)) }

func Base64(plain string) (string, error) { return text(secrets.Base64(plain)) }

func Sign(key, name string, message []byte) ([]byte, error) {
	return bytes(secrets.Sign(key, algorithm(name), message))
}

func VerifyMAC(key, name string, message, mac []byte) (bool, error) {
	result := secrets.VerifyMac(key, algorithm(name), message, mac)
	if result.IsErr() {
		return false, convert.Fault(result.Err())
	}
	return result.Ok(), nil
}

func SignAWS(credentials string, request AWSRequest) ([][2]string, error) {
	result := secrets.SignAws(credentials, secrets.AwsRequest{
		Method: request.Method, Url: request.URL, Headers: convert.Listed(request.Headers),
		Body: request.Body, Service: request.Service, Region: request.Region,
	})
	if result.IsErr() {
		return nil, convert.Fault(result.Err())
	}
	return convert.List(result.Ok()), nil
}

func Reveal(name string) ([]byte, error) { return bytes(secrets.Reveal(name)) }

func StateGet(key string) (value []byte, version uint64, found bool, err error) {
	result := state.Get(key)
	if result.IsErr() {
		return nil, 0, false, convert.Fault(result.Err())
	}
	if result.Ok().IsNone() {
		return nil, 0, false, nil
	}
	entry := result.Ok().Some()
	return append([]byte(nil), entry.Value...), entry.Version, true, nil
}

func StateSet(key string, value []byte, expected Expected) (uint64, error) {
	condition := state.MakeExpectedAny()
	switch {
	case expected.Absent:
		condition = state.MakeExpectedAbsent()
	case expected.Version != 0:
		condition = state.MakeExpectedVersion(expected.Version)
	}
	result := state.Set(key, value, condition)
	if result.IsErr() {
		return 0, convert.Fault(result.Err())
	}
	return result.Ok(), nil
}

func StateDelete(key string) error {
	if result := state.Delete(key); result.IsErr() {
		return convert.Fault(result.Err())
	}
	return nil
}

func StateKeys(prefix, after string, limit uint32) ([]string, error) {
	result := state.Keys(prefix, convert.Option(after), limit)
	if result.IsErr() {
		return nil, convert.Fault(result.Err())
	}
	keys := make([]string, len(result.Ok()))
	for i, key := range result.Ok() {
		keys[i] = strings.Clone(key)
	}
	return keys, nil
}

func algorithm(name string) secrets.Algorithm {
	switch name {
	case "hmac-sha1":
		return secrets.MakeAlgorithmHmacSha1()
	case "hmac-sha256":
		return secrets.MakeAlgorithmHmacSha256()
	case "hmac-sha512":
		return secrets.MakeAlgorithmHmacSha512()
	case "rsa-sha256":
		return secrets.MakeAlgorithmRsaSha256()
	case "ed25519":
		return secrets.MakeAlgorithmEd25519()
	default:
		return secrets.MakeAlgorithmOther(name)
	}
}

// What the host gave is the call's; what a plugin keeps outlives it.

func text(result wit.Result[string, types.PluginError]) (string, error) {
	if result.IsErr() {
		return "", convert.Fault(result.Err())
	}
	return strings.Clone(result.Ok()), nil
}

func bytes(result wit.Result[[]uint8, types.PluginError]) ([]byte, error) {
	if result.IsErr() {
		return nil, convert.Fault(result.Err())
	}
	return append([]byte(nil), result.Ok()...), nil
}

func broken(what string) error {
	return sdk.Failed("host", "the host breaks a rule of wasi:http: %s", what)
}
