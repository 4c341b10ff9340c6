package endpoint

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// TLS is `tls: {}` of a configuration: the connection is encrypted. Certificates are for the operator to grant, so it has no fields.
type TLS struct{}

// TLSSchema is its JSON Schema.
const TLSSchema = `{"type": "object", "additionalProperties": false, "description": "the connection is encrypted; certificates are granted by the operator"}`

// Usual is what addresses of a protocol look like.
type Usual struct {
	Plain, Secure []string // schemes; the latter mean TLS
	Port, PortTLS uint16   // where an address names none
}

// Address is the address of an endpoint as a configuration has it: `host:port`, or with one of the schemes, of which the secure ones mean TLS, as does `tls`. The
// message of an error is for the field that has the address.
func Address(text string, tls *TLS, usual Usual) (string, error) {
	place := strings.TrimRight(strings.TrimSpace(text), "/")
	encrypted := tls != nil
	if scheme, rest, found := strings.Cut(place, "://"); found {
		place = rest
		switch {
		case slices.Contains(usual.Secure, scheme):
			encrypted = true
		case !slices.Contains(usual.Plain, scheme):
			known := append(slices.Clone(usual.Plain), usual.Secure...)
			return "", fmt.Errorf("`%s://` is not known here: %s are", scheme, strings.Join(known, ", "))
		}
	}
	if strings.Contains(place, "@") {
		return "", fmt.Errorf("credentials do not belong into an address: every log would have them; use `auth`")
	}
	if place == "" || strings.ContainsAny(place, "/ ,?#") {
		return "", fmt.Errorf("the name of a host and a port are expected, as `broker.example.com:1234`")
	}
	way, port := "tcp", usual.Port
	if encrypted {
		way, port = "tls", usual.PortTLS
	}
	colon := strings.LastIndex(place, ":")
	// The colons of an address of IPv6 are within brackets.
	if colon < 0 || strings.HasPrefix(place, "[") != strings.HasSuffix(place[:colon], "]") {
		return fmt.Sprintf("%s://%s:%d", way, place, port), nil
	}
	if colon == 0 {
		return "", fmt.Errorf("the name of a host is missing")
	}
	if _, err := strconv.ParseUint(place[colon+1:], 10, 16); err != nil {
		return "", fmt.Errorf("`%s` is no port", place[colon+1:])
	}
	return way + "://" + place, nil
}
