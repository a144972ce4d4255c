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

// specContent returns the members of a document with a spec, with a status for types that have one.
func (e endpoints) specContent(spec map[string]any) json.RawMessage {
	content := map[string]any{"spec": spec}
	if e.kind.is(hasStatus) {
		content["status"] = struct{}{}
	}
	return mustMarshal(content)
}
