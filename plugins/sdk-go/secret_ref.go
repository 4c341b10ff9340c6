package sdk

import (
	"bytes"
	"encoding/json"
)

// SecretRef is a secret as a field of a configuration. Users write `{name, key}` of a Secret; the plugin gets a text that stands for the value, which is sent as it
// is: the host puts the value in its place. SecretRefSchema is its schema. To compare what somebody sent, see secrets.Is.
type SecretRef struct {
	standIn   string
	reference *reference
}

type reference struct {
	Name string `json:"name"`
	Key  string `json:"key"`
}

// SecretRefSchema is the JSON Schema of a SecretRef.
const SecretRefSchema = `{"description": "A key of a Secret. Plugins get a text that stands for the value.", "anyOf": [
	{"type": "object", "properties": {"name": {"type": "string"}, "key": {"type": "string"}}, "required": ["name", "key"], "additionalProperties": false},
	{"type": "string"}]}`

// UnmarshalJSON reads a stand-in, or a reference that nobody resolved.
func (s *SecretRef) UnmarshalJSON(text []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		s.reference = &reference{}
		return json.Unmarshal(text, s.reference)
	}
	return json.Unmarshal(text, &s.standIn)
}

// StandIn is the text that stands for the value; field is where the configuration has it, for the error when the reference was not resolved.
func (s SecretRef) StandIn(field string) (string, error) {
	if s.reference != nil {
		denied := Refused("denied", "the key `%s` of the Secret `%s` did not come with the configuration: grant it to the plugin", s.reference.Key, s.reference.Name)
		return "", denied.At(field)
	}
	return s.standIn, nil
}

// IsSet says whether the configuration has it at all.
func (s SecretRef) IsSet() bool { return s.standIn != "" || s.reference != nil }
