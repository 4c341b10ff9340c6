// Package secrets uses secrets without their values.
//
// A stand-in is a text that stands for a value: put where the value belongs in a request (a header, the query, the body), it is replaced by the host when the
// request goes to a host that the secret is granted for. Configurations have stand-ins where users wrote references (sdk.SecretRef), so most plugins need nothing
// of this.
package secrets

import (
	"crypto/hmac"
	"crypto/sha256"

	"colchis/sdk"
	"colchis/sdk/internal/host"
)

// Algorithm is how to sign. Another name than these is one that the host may know.
type Algorithm string

// The algorithms of the interfaces.
const (
	HMACSHA1   Algorithm = "hmac-sha1"   // RFC 2104
	HMACSHA256 Algorithm = "hmac-sha256" // RFC 2104
	HMACSHA512 Algorithm = "hmac-sha512" // RFC 2104
	RSASHA256  Algorithm = "rsa-sha256"  // RSASSA-PKCS1-v1_5; the secret is a PEM private key
	Ed25519    Algorithm = "ed25519"     // the secret is a PEM private key
)

// compared is what is signed for a comparison. Any text will do: only who has the secret can sign it.
const compared = "colchis: is this the secret?"

// AWSRequest is what AWS Signature Version 4 signs.
type AWSRequest = host.AWSRequest

// StandIn is a stand-in for a secret that the grant calls so.
func StandIn(name string) (string, error) { return host.StandIn(name) }

// Base64 is the base64 text of a text, or a stand-in for it when the text has stand-ins in it: of `user:` and a password's, for basic authentication.
func Base64(text string) (string, error) { return host.Base64(text) }

// Sign signs a message. The stand-in says with which secret.
func Sign(key string, algorithm Algorithm, message []byte) ([]byte, error) {
	return host.Sign(key, string(algorithm), message)
}

// VerifyMAC says whether a message was signed with a secret (HMACs only). Compares in constant time.
func VerifyMAC(key string, algorithm Algorithm, message, mac []byte) (bool, error) {
	return host.VerifyMAC(key, string(algorithm), message, mac)
}

// SignAWS gives the headers to add to a request for AWS, made of the granted credentials of that name.
func SignAWS(credentials string, request AWSRequest) ([][2]string, error) {
	return host.SignAWS(credentials, request)
}

// Reveal is the value itself: needs the grant `reveal`, which almost nobody gets.
func Reveal(name string) ([]byte, error) { return host.Reveal(name) }

// Is says whether what somebody sent is the secret of a field, in constant time and without ever seeing the value: both sides sign the same text, and the host
// compares.
func Is(secret sdk.SecretRef, field string, sent []byte) (bool, error) {
	key, err := secret.StandIn(field)
	if err != nil {
		return false, err
	}
	mac := hmac.New(sha256.New, sent)
	mac.Write([]byte(compared))
	return VerifyMAC(key, HMACSHA256, []byte(compared), mac.Sum(nil))
}
