package endpoint

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"colchis/sdk"
	"colchis/sdk/sdktest"
)

func TestAddressesAreReadAsUsersWriteThem(t *testing.T) {
	usual := Usual{Plain: []string{"mqtt", "tcp"}, Secure: []string{"mqtts"}, Port: 1883, PortTLS: 8883}
	for _, one := range []struct {
		text     string
		tls      *TLS
		expected string
	}{
		{"a.example:1883", nil, "tcp://a.example:1883"},
		{"a.example", nil, "tcp://a.example:1883"},
		{"mqtt://a.example/", nil, "tcp://a.example:1883"},
		{"mqtts://a.example", nil, "tls://a.example:8883"},
		{"a.example", &TLS{}, "tls://a.example:8883"},
		{"mqtt://[::1]:7", nil, "tcp://[::1]:7"},
		{"mqtt://[::1]", nil, "tcp://[::1]:1883"},
		{"", nil, ""},
		{":1883", nil, ""},
		{"a.example:x", nil, ""},
		{"a.example:99999", nil, ""},
		{"user:pass@a.example:1", nil, ""},
		{"http://a.example", nil, ""},
		{"a.example:1,b.example:2", nil, ""},
	} {
		if read, err := Address(one.text, one.tls, usual); read != one.expected || (err != nil) != (one.expected == "") {
			t.Errorf("%s: %s %v", one.text, read, err)
		}
	}
}

func TestAStreamKeepsWhatWasNotTakenAndNoMoreThanItMay(t *testing.T) {
	sdktest.Begin(t)
	sdktest.Connect(func(string) (sdktest.Peer, error) {
		return func(written []byte) [][]byte {
			switch string(written) {
			case "":
				return [][]byte{[]byte("hello")}
			case "more":
				return [][]byte{[]byte("12345678")}
			default:
				return [][]byte{nil}
			}
		}, nil
	})
	stream, err := OpenStream("tcp://a:1", 8)
	if err != nil {
		t.Fatal(err)
	}
	fill := func(expected bool, code string) {
		t.Helper()
		if came, err := stream.Fill(0); came != expected || (err != nil) != (code != "") || err != nil && sdk.AsError(err).Code != code {
			t.Error(came, err)
		}
	}
	fill(true, "")
	if taken := string(stream.Take(3)); taken != "hel" {
		t.Error(taken)
	}
	fill(false, "")
	stream.Write([]byte("more"))
	fill(true, "")
	if kept := string(stream.Bytes()); kept != "lo123456" {
		t.Error(kept)
	}
	fill(false, "message-too-large")
	stream.Take(8)
	stream.Write([]byte("bye"))
	fill(true, "")
	fill(false, "disconnected")
}

func TestSecretsArePutInAndRealServersAreReached(t *testing.T) {
	sdktest.Begin(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		stream, err := listener.Accept()
		if err != nil {
			return
		}
		defer stream.Close()
		heard := make([]byte, 9)
		io.ReadFull(stream, heard)
		stream.Write(heard)
	}()
	connection, err := Open("tcp://" + listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if err := connection.WriteSecret("AUTH " + sdktest.SetSecret("token", "hush")); err != nil {
		t.Fatal(err)
	}
	for _, expected := range []string{"AUTH", " hush"} {
		if came, err := connection.Read(len(expected), 5*time.Second); err != nil || string(came) != expected {
			t.Errorf("%q %v", came, err)
		}
	}
	if _, err := connection.Read(9, 5*time.Second); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}
