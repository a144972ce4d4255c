package kumatest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"
)

// decode parses a JSON object. Its errors have the texts of a control plane.
func (m *message) decode(raw []byte) (*document, error) {
	d := newDocument(m)
	if string(raw) == "null" {
		return d, nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, err
	}
	for _, f := range m.fields {
		member := members[f.name]
		if member == nil && f.alias != "" {
			member = members[f.alias]
		}
		if member == nil || string(member) == "null" {
			continue
		}
		value, err := f.decode(member)
		if err != nil {
			return nil, err
		}
		if f.oneOf != "" {
			m.clear(d, f.oneOf)
		}
		d.values[f.name] = value
	}
	return d, nil
}

func (m *message) clear(d *document, oneOf string) {
	for _, f := range m.fields {
		if f.oneOf == oneOf {
			delete(d.values, f.name)
		}
	}
}

func (f field) decode(raw json.RawMessage) (any, error) {
	if !f.repeated {
		return f.decodeOne(raw)
	}
	var elements []json.RawMessage
	if err := json.Unmarshal(raw, &elements); err != nil {
		return nil, err
	}
	values := make([]any, len(elements))
	for i, element := range elements {
		value, err := f.decodeOne(element)
		if err != nil {
			return nil, err
		}
		values[i] = value
	}
	return values, nil
}

func (f field) decodeOne(raw json.RawMessage) (any, error) {
	switch f.kind {
	case boolKind:
		return unmarshal[bool](raw)
	case uint32Kind:
		return unmarshal[uint32](unquote(raw))
	case doubleKind:
		return decodeDouble(raw)
	case bytesKind:
		return unmarshal[[]byte](raw)
	case enumKind:
		return f.enum.decode(raw)
	case durationKind:
		return decodeDuration(raw)
	case objectKind:
		return f.message.decode(raw)
	case stringMapKind:
		return decodeStringMap(raw)
	case messageMapKind:
		return decodeMessageMap(raw, f.message)
	case uint64Kind:
		return unmarshal[uint64](unquote(raw))
	case anyKind:
		return decodeAny(raw)
	default:
		return unmarshal[string](raw)
	}
}

func unmarshal[T any](raw []byte) (T, error) {
	var value T
	err := json.Unmarshal(raw, &value)
	return value, err
}

// unquote removes quotation marks, because numbers may be strings.
func unquote(raw []byte) []byte {
	if len(raw) >= 2 && raw[0] == '"' && raw[len(raw)-1] == '"' {
		return raw[1 : len(raw)-1]
	}
	return raw
}

func decodeDouble(raw []byte) (float64, error) {
	switch string(raw) {
	case `"NaN"`:
		return math.NaN(), nil
	case `"Infinity"`:
		return math.Inf(1), nil
	case `"-Infinity"`:
		return math.Inf(-1), nil
	default:
		return unmarshal[float64](unquote(raw))
	}
}

func (e *enum) decode(raw []byte) (int32, error) {
	if raw[0] == '"' {
		name, number := string(unquote(raw)), int32(0)
		for _, value := range e.values {
			if value == name {
				return number, nil
			}
			number++
		}
		return 0, fmt.Errorf("unknown value %q for enum %s", raw, e.name)
	}
	number, err := unmarshal[int32](raw)
	var wrongType *json.UnmarshalTypeError
	if errors.As(err, &wrongType) {
		return 0, fmt.Errorf("json: cannot unmarshal %s into Go value of type protoreflect.EnumNumber", wrongType.Value)
	}
	return number, err
}

func decodeDuration(raw []byte) (time.Duration, error) {
	text, err := unmarshal[string](raw)
	if err != nil {
		return 0, err
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("bad Duration: %w", err)
	}
	return d, nil
}

func decodeStringMap(raw []byte) (map[string]string, error) {
	members, err := unmarshal[map[string]json.RawMessage](raw)
	if err != nil {
		return nil, err
	}
	values := make(map[string]string, len(members))
	for _, key := range slices.Sorted(maps.Keys(members)) {
		if values[key], err = unmarshal[string](members[key]); err != nil {
			return nil, err
		}
	}
	return values, nil
}

func decodeMessageMap(raw []byte, m *message) (map[string]*document, error) {
	members, err := unmarshal[map[string]json.RawMessage](raw)
	if err != nil {
		return nil, err
	}
	values := make(map[string]*document, len(members))
	for _, key := range slices.Sorted(maps.Keys(members)) {
		if values[key], err = m.decode(members[key]); err != nil {
			return nil, err
		}
	}
	return values, nil
}

func decodeAny(raw []byte) (map[string]any, error) {
	members, err := unmarshal[map[string]json.RawMessage](raw)
	if err != nil {
		return nil, fmt.Errorf("bad StructValue: %w", err)
	}
	values := make(map[string]any, len(members))
	for _, key := range slices.Sorted(maps.Keys(members)) {
		if values[key], err = decodeAnyValue(members[key]); err != nil {
			return nil, fmt.Errorf("bad value in StructValue for key %q: %w", key, err)
		}
	}
	return values, nil
}

func decodeAnyValue(raw []byte) (any, error) {
	switch raw[0] {
	case '{':
		return decodeAny(raw)
	case '[':
		elements, err := unmarshal[[]json.RawMessage](raw)
		if err != nil {
			return nil, fmt.Errorf("bad ListValue: %w", err)
		}
		values := make([]any, len(elements))
		for i, element := range elements {
			if values[i], err = decodeAnyValue(element); err != nil {
				return nil, err
			}
		}
		return values, nil
	case '"', 't', 'f', 'n':
		return unmarshal[any](raw)
	default:
		number, err := strconv.ParseFloat(string(raw), 64)
		if err != nil {
			return nil, fmt.Errorf("unrecognized type for Value %q", raw)
		}
		return number, nil
	}
}

// typed parses untyped JSON as a document with a message.
func typed(conf map[string]any, m *message) (*document, error) {
	if conf == nil {
		return newDocument(m), nil
	}
	raw, err := json.Marshal(conf)
	if err != nil {
		return nil, err
	}
	return m.decode(raw)
}
