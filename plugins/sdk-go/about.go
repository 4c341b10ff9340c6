package sdk

// Info is what a component says about itself.
type Info struct {
	Name    string // lower case letters, digits and `-`
	Version string // as semver.org says
	Summary string // one sentence for lists
	Schema  string // the JSON Schema (2020-12) of its configuration: an object
	Needs   []Need
}

// Capability is something outside its sandbox that a plugin asks for.
type Capability struct {
	kind  string
	value string
}

// HTTP asks for requests to hosts, as `https://*.example.com:443`; `*` alone says that the configuration names the host.
func HTTP(hosts string) Capability { return Capability{"http", hosts} }

// Endpoint asks for connections to a host and port, as `tcp://mqtt.example.com:8883`; `*` alone says that the configuration names it.
func Endpoint(address string) Capability { return Capability{"endpoint", address} }

// Secret asks for the use of a secret, and not for its value.
func Secret(name string) Capability { return Capability{"secret", name} }

// State asks for values that last from call to call.
func State() Capability { return Capability{"state", ""} }

// Blobs asks for large values that last from call to call.
func Blobs() Capability { return Capability{"blobs", ""} }

// Reveal asks for the value of a secret. Almost nobody needs it.
func Reveal(name string) Capability { return Capability{"reveal", name} }

// Lookup asks for objects of the destination.
func Lookup() Capability { return Capability{"lookup", ""} }

// Kind is the capability's word in the interfaces: http, endpoint, secret, reveal, state, blobs, lookup.
func (c Capability) Kind() string { return c.kind }

// Value is what it is about, where it is about something.
func (c Capability) Value() string { return c.value }

// Need is something that a plugin asks for, and why.
type Need struct {
	What     Capability
	Why      string // a sentence that an operator can decide by
	Optional bool
}

// Finding is something about a configuration.
type Finding struct {
	Warning bool   // it can work so, and is probably not what was meant; else it cannot
	Field   string // as a path; empty for the whole
	Message string
}
