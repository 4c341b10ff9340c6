//colchis:world event-subscriber

// Command lines-go is an event source that brings in the lines of a server, by a connection of its own: `FROM 6` is answered with `7 some text` and what comes behind,
// `ACK 7` tells it what is durable.
package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"colchis/sdk"
	"colchis/sdk/endpoint"
	"colchis/sdk/eventsubscriber"
)

// lineBytesMax is the longest line.
const lineBytesMax = 64 << 10

const schema = `{
	"type": "object",
	"additionalProperties": false,
	"required": ["address"],
	"properties": {
		"address": {"type": "string", "description": "the server, as host:7000, or tls://host:7001"},
		"tls": ` + endpoint.TLSSchema + `
	}
}`

type config struct {
	Address string        `json:"address"`
	TLS     *endpoint.TLS `json:"tls"`
}

func (c config) place() (string, error) {
	place, err := endpoint.Address(c.Address, c.TLS, endpoint.Usual{
		Plain: []string{"tcp"}, Secure: []string{"tls"}, Port: 7000, PortTLS: 7001,
	})
	if err != nil {
		return "", sdk.Invalid("address", "%v", err)
	}
	return place, nil
}

type lines struct{}

func init() { eventsubscriber.Register(lines{}) }

func main() {}

func (lines) Info() sdk.Info {
	return sdk.Info{
		Name: "lines-go", Version: "1.0.0", Summary: "Brings in lines of a server", Schema: schema,
		Needs: []sdk.Need{{What: sdk.Endpoint("*"), Why: "reads lines of the server that the event source names"}},
	}
}

func (lines) Check(text string) []sdk.Finding {
	var asked config
	if err := sdk.Decode(text, &asked); err != nil {
		return sdk.Findings(err)
	}
	_, err := asked.place()
	return sdk.Findings(err)
}

func (lines) Open(text, _, cursor string) (eventsubscriber.Subscription, error) {
	var asked config
	if err := sdk.Decode(text, &asked); err != nil {
		return nil, err
	}
	place, err := asked.place()
	if err != nil {
		return nil, err
	}
	stream, err := endpoint.OpenStream(place, lineBytesMax)
	if err != nil {
		return nil, err
	}
	from, _ := strconv.ParseUint(cursor, 10, 64)
	if _, err := fmt.Fprintf(stream, "FROM %d\n", from); err != nil {
		stream.Close()
		return nil, err
	}
	return &reading{stream: stream, last: from}, nil
}

// reading is a connection, and where it stands.
type reading struct {
	stream  *endpoint.Stream
	last    uint64
	drained bool
}

func (r *reading) Poll(most int, wait time.Duration) (*eventsubscriber.Batch, error) {
	batch := &eventsubscriber.Batch{}
	if !r.drained && bytes.IndexByte(r.stream.Bytes(), '\n') < 0 {
		if _, err := r.stream.Fill(wait); err != nil {
			return nil, err
		}
	}
	for !r.drained && len(batch.Events) < most {
		end := bytes.IndexByte(r.stream.Bytes(), '\n')
		if end < 0 {
			break
		}
		line := strings.TrimSuffix(string(r.stream.Take(end+1)), "\n")
		number, text, _ := strings.Cut(line, " ")
		var err error
		if r.last, err = strconv.ParseUint(number, 10, 64); err != nil {
			return nil, sdk.Failed("bad-line", "expected lines that begin with a number")
		}
		event, err := eventsubscriber.JSON(number, map[string]string{"text": text})
		if err != nil {
			return nil, err
		}
		batch.Events = append(batch.Events, event)
	}
	batch.Cursor, batch.Delivery = fmt.Sprint(r.last), r.last
	return batch, nil
}

func (r *reading) Ack(delivery uint64) error {
	_, err := fmt.Fprintf(r.stream, "ACK %d\n", delivery)
	return err
}

func (r *reading) Drain() error {
	r.drained = true
	return nil
}

func (r *reading) Close() { r.stream.Close() }
