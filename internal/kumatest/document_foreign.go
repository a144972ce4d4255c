package kumatest

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// This file is about documents of which the control plane here has no description.

// withoutMetadata returns the members of a document beside its metadata, each byte for byte and in their order.
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

// membersOf ranges over the members of a JSON object in their order.
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

// foreignContent keeps what a document of an undescribed type says. Of a modern type that is its spec, to which
// a status is added for those that have one.
func (e endpoints) foreignContent(raw json.RawMessage) (json.RawMessage, error) {
	if !e.kind.is(specified) {
		return withoutMetadata(raw), nil
	}
	var document struct {
		Spec any `json:"spec"`
	}
	if err := json.Unmarshal(raw, &document); err != nil {
		return nil, err
	}
	content := map[string]any{}
	if document.Spec != nil {
		content["spec"] = normalizeDurations(document.Spec)
	}
	if e.kind.is(hasStatus) {
		content["status"] = struct{}{}
	}
	return mustMarshal(content), nil
}

// checkRequired checks that a document of a modern type has the members that each of them needs.
func (e endpoints) checkRequired(raw json.RawMessage) error {
	var members map[string]any
	if err := json.Unmarshal(raw, &members); err != nil {
		return err
	}
	var broken violations
	for _, name := range e.release.required {
		if _, ok := members[name]; !ok {
			broken.add("", ".%s in body is required", name)
		}
	}
	return invalid("Could not process a resource", broken)
}

// normalizeDurations spells durations out as these types do: 24h is 24h0m0s.
func normalizeDurations(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for name, member := range value {
			value[name] = normalizeDurations(member)
			text, isText := member.(string)
			if d, err := time.ParseDuration(text); isText && err == nil && isDurationName(name) {
				value[name] = d.String()
			}
		}
	case []any:
		for i := range value {
			value[i] = normalizeDurations(value[i])
		}
	}
	return value
}

func isDurationName(name string) bool {
	name = strings.ToLower(name)
	return strings.HasSuffix(name, "timeout") || strings.HasSuffix(name, "interval") || strings.HasSuffix(name, "expiry") ||
		strings.HasSuffix(name, "duration")
}
