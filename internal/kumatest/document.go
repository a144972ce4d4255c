package kumatest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A message describes a document as the control plane knows it: which fields it has, in which order and of
// which kind. What a message does not describe is dropped when a document is read, and defaults are left out
// when it is written, as the JSON form of protocol buffers has it.
type message struct {
	fields []field
}

// field returns the description of one field.
func (m *message) field(name string) field {
	for _, f := range m.fields {
		if f.name == name {
			return f
		}
	}
	return field{}
}

type field struct {
	name     string
	alias    string // a second spelling that is read, never written
	kind     kind
	message  *message // for objectKind
	enum     *enum    // for enumKind
	repeated bool
	wrapped  bool   // an explicit default differs from none and is kept
	oneOf    string // of the fields with the same oneOf at most one is set
}

type enum struct {
	name   string
	values []string // by number
}

type kind int

const (
	stringKind kind = iota
	boolKind
	uint32Kind
	doubleKind
	bytesKind
	enumKind
	durationKind
	objectKind
	stringMapKind
	anyKind // free JSON, an object at the top
)

// A document is a message filled in. Its values are string, bool, uint32, float64, []byte, int32 (an enum's
// number), time.Duration, *document, map[string]string, any (free JSON), or a []any of one of these.
type document struct {
	message *message
	values  map[string]any
}

func newDocument(m *message) *document {
	return &document{message: m, values: map[string]any{}}
}

func (d *document) has(name string) bool {
	if d == nil {
		return false
	}
	_, ok := d.values[name]
	return ok
}

func get[T any](d *document, name string) T {
	var none T
	if d == nil {
		return none
	}
	value, ok := d.values[name].(T)
	if !ok {
		return none
	}
	return value
}

func (d *document) text(name string) string      { return get[string](d, name) }
func (d *document) number(name string) uint32    { return get[uint32](d, name) }
func (d *document) flag(name string) bool        { return get[bool](d, name) }
func (d *document) object(name string) *document { return get[*document](d, name) }

func (d *document) tags(name string) map[string]string { return get[map[string]string](d, name) }

func (d *document) objects(name string) []*document {
	var all []*document
	for _, one := range get[[]any](d, name) {
		all = append(all, one.(*document))
	}
	return all
}

func (d *document) set(name string, value any) { d.values[name] = value }

// decode reads the JSON object raw. Its errors have the texts that a control plane quotes.
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

// unquote takes the quotes off: numbers may be written as strings.
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
		number := slices.Index(e.values, string(unquote(raw)))
		if number < 0 {
			return 0, fmt.Errorf("unknown value %q for enum %s", raw, e.name)
		}
		return int32(number), nil
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

// encode writes the document in the order of its fields, without what is not set.
func (d *document) encode() json.RawMessage {
	var b bytes.Buffer
	d.encodeTo(&b)
	return b.Bytes()
}

func (d *document) encodeTo(b *bytes.Buffer) {
	b.WriteByte('{')
	first := true
	for _, f := range d.message.fields {
		value, ok := d.values[f.name]
		if !ok || f.isDefault(value) {
			continue
		}
		if !first {
			b.WriteByte(',')
		}
		first = false
		fmt.Fprintf(b, "%q:", f.name)
		f.encodeTo(b, value)
	}
	b.WriteByte('}')
}

// isDefault reports whether value is what a field has that nobody set, so that it is not written.
func (f field) isDefault(value any) bool {
	if f.repeated {
		return len(value.([]any)) == 0
	}
	if f.wrapped || f.oneOf != "" {
		return false
	}
	switch value := value.(type) {
	case string:
		return value == ""
	case bool:
		return !value
	case uint32:
		return value == 0
	case float64:
		return value == 0
	case int32:
		return value == 0
	case []byte:
		return len(value) == 0
	case map[string]string:
		return len(value) == 0
	default:
		return false
	}
}

func (f field) encodeTo(b *bytes.Buffer, value any) {
	values, repeated := value.([]any)
	if !f.repeated || !repeated {
		f.encodeOne(b, value)
		return
	}
	b.WriteByte('[')
	for i, one := range values {
		if i > 0 {
			b.WriteByte(',')
		}
		f.encodeOne(b, one)
	}
	b.WriteByte(']')
}

func (f field) encodeOne(b *bytes.Buffer, value any) {
	switch value := value.(type) {
	case *document:
		value.encodeTo(b)
	case time.Duration:
		fmt.Fprintf(b, "%q", formatDuration(value))
	case int32:
		if int(value) < len(f.enum.values) && value >= 0 {
			fmt.Fprintf(b, "%q", f.enum.values[value])
		} else {
			fmt.Fprint(b, value)
		}
	case float64:
		b.Write(formatDouble(value))
	default:
		text, err := json.Marshal(value)
		if err != nil {
			panic(err) // only kinds that decode makes come here, and each of them has a JSON form
		}
		b.Write(text)
	}
}

func formatDouble(value float64) []byte {
	switch {
	case math.IsNaN(value):
		return []byte(`"NaN"`)
	case math.IsInf(value, 1):
		return []byte(`"Infinity"`)
	case math.IsInf(value, -1):
		return []byte(`"-Infinity"`)
	default:
		text, _ := json.Marshal(value) // it is finite
		return text
	}
}

// formatDuration writes seconds with 0, 3, 6 or 9 digits behind the point.
func formatDuration(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	text := fmt.Sprintf("%s%d.%09d", sign, d/time.Second, d%time.Second)
	text = strings.TrimSuffix(text, "000")
	text = strings.TrimSuffix(text, "000")
	return strings.TrimSuffix(text, ".000") + "s"
}

// typed reads free JSON as a document of the given message.
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

// untyped is the opposite of typed.
func untyped(d *document) map[string]any {
	conf, err := decodeAny(d.encode())
	if err != nil {
		panic(err) // a document always encodes to a JSON object
	}
	return conf
}
