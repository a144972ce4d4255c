package kumatest

import (
	"bytes"
	"encoding/json"
	"slices"
)

// This file handles documents that the embedded control plane has no description of.

// withoutMetadata returns the members of a document except its metadata, byte for byte and in their order.
func withoutMetadata(raw json.RawMessage) json.RawMessage {
	var kept bytes.Buffer
	kept.WriteByte('{')
	for name, value := range membersOf(raw) {
		if slices.Contains([]string{"type", "mesh", "name", "creationTime", "modificationTime", "labels", "kri"}, name) {
			continue
		}
		if kept.Len() > 1 {
			kept.WriteByte(',')
		}
		kept.Write(mustMarshal(name))
		kept.WriteByte(':')
		kept.Write(value)
	}
	kept.WriteByte('}')
	return kept.Bytes()
}

// sortedMembers returns a document with its members sorted by name, each once: as a control plane reads it after it has
// validated it with a schema.
func sortedMembers(raw json.RawMessage) json.RawMessage {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		panic(err) // the schema wants an object
	}
	return mustMarshal(members)
}

// isMissing reports whether a document does not have a member, or has null.
func isMissing(raw json.RawMessage, name string) bool {
	missing := true
	for member, value := range membersOf(raw) {
		if member == name {
			missing = string(value) == "null"
		}
	}
	return missing
}

// membersOf returns an iterator over the members of a JSON object in their order.
func membersOf(raw json.RawMessage) func(yield func(string, json.RawMessage) bool) {
	return func(yield func(string, json.RawMessage) bool) {
		decoder := json.NewDecoder(bytes.NewReader(raw))
		if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
			return
		}
		for decoder.More() {
			name, err := decoder.Token()
			if err != nil {
				return
			}
			var value json.RawMessage
			if err := decoder.Decode(&value); err != nil {
				return
			}
			if !yield(name.(string), value) {
				return
			}
		}
	}
}

// setSpec sets the spec of a new version of a resource and, for types that have one, its status.
func (r *resource) setSpec(spec map[string]any, status json.RawMessage) {
	r.spec, r.status = spec, status
	content := map[string]any{"spec": spec}
	switch {
	case !r.kind.is(hasStatus):
	case status == nil:
		content["status"] = struct{}{}
	default:
		content["status"] = status
	}
	r.content = mustMarshal(content)
}
