package http

import (
	"net"
	"net/url"
	"strings"

	"colchis/sdk"
	"colchis/sdk/internal/host"
)

// target takes the address apart, and gives the request that the host is asked for.
func (r *Request) target() (*host.Request, error) {
	bad := func(why string) error {
		// A query may have a secret in it.
		shown, _, _ := strings.Cut(r.url, "?")
		return &sdk.Error{Class: sdk.InvalidConfig, Code: "bad-url", Message: "`" + shown + "`: " + why}
	}
	parsed, err := url.Parse(strings.TrimSpace(r.url))
	switch {
	case err != nil:
		return nil, bad("it is no address; an address begins with http:// or https://")
	case parsed.Scheme != "http" && parsed.Scheme != "https":
		return nil, bad("an address begins with http:// or https://")
	case parsed.User != nil:
		// Not with the address: it has the credentials in it.
		return nil, &sdk.Error{Class: sdk.InvalidConfig, Code: "bad-url", Message: "credentials do not belong into an address: every log would have them; use a header"}
	case parsed.Hostname() == "":
		return nil, bad("there is no host in it")
	}
	tls, port := parsed.Scheme == "https", parsed.Port()
	if port == "" {
		port = map[bool]string{true: "443", false: "80"}[tls]
	}
	query := r.query
	if parsed.RawQuery != "" {
		query = append([]string{strings.ReplaceAll(parsed.RawQuery, " ", "%20")}, query...)
	}
	path := parsed.EscapedPath()
	if path == "" {
		path = "/"
	}
	if len(query) > 0 {
		path += "?" + strings.Join(query, "&")
	}
	return &host.Request{
		Method: r.method, TLS: tls, Authority: parsed.Host, Path: path, Headers: r.headers, Body: r.body,
		BodyBytesMax: r.longest, Grant: parsed.Scheme + "://" + net.JoinHostPort(parsed.Hostname(), port),
	}, nil
}
