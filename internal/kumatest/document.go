package kumatest

// A message describes a document as the control plane knows it: its fields, their order and their kinds. Fields that
// the message does not describe are dropped when a document is read, and defaults are omitted when it is written, as in
// the JSON form of protocol buffers.
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
	alias    string // a second spelling, only for reading
	kind     kind
	message  *message // for objectKind
	enum     *enum    // for enumKind
	repeated bool
	wrapped  bool   // an explicit default differs from none and is kept
	oneOf    string // at most one of the fields with the same oneOf is set
}

func object(name string, fields ...field) field {
	return field{name: name, kind: objectKind, message: &message{fields: fields}}
}

func objects(name string, fields ...field) field {
	f := object(name, fields...)
	f.repeated = true
	return f
}

func remove(fields []field, name string) []field {
	var kept []field
	for _, f := range fields {
		if f.name != name {
			kept = append(kept, f)
		}
	}
	return kept
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
	messageMapKind
	uint64Kind
	anyKind // any JSON; an object at the top
)

// A document is a message with values: string, bool, uint32, float64, []byte, int32 (the number of an enum),
// time.Duration, *document, map[string]string, any (any JSON), or a []any of one of these.
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

func (d *document) text(name string) string { return get[string](d, name) }

func (d *document) number(name string) uint32 { return get[uint32](d, name) }

func (d *document) flag(name string) bool { return get[bool](d, name) }

func (d *document) object(name string) *document { return get[*document](d, name) }

func (d *document) tags(name string) map[string]string { return get[map[string]string](d, name) }

// conf returns the untyped configuration of a backend.
func (d *document) conf() map[string]any { return get[map[string]any](d, "conf") }

func (d *document) objects(name string) []*document {
	var all []*document
	for _, one := range get[[]any](d, name) {
		all = append(all, one.(*document))
	}
	return all
}

func (d *document) set(name string, value any) { d.values[name] = value }
