package kuma

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Document is a JSON object as text. Set and Delete change one member and
// leave every other byte as it is: order, white space, numbers of any size and
// members this package has never heard of.
type Document struct {
	raw []byte
}

// ParseDocument takes the text of a JSON object. Anything else is an error.
func ParseDocument(text []byte) (*Document, error) {
	text = bytes.TrimSpace(text)
	if !json.Valid(text) {
		return nil, errors.New("not valid JSON")
	}
	if len(text) == 0 || text[0] != '{' {
		return nil, errors.New("not a JSON object")
	}
	return &Document{raw: bytes.Clone(text)}, nil
}

// NewDocument is an object without members.
func NewDocument() *Document {
	return &Document{raw: []byte("{}")}
}

// Bytes is the text of the document.
func (d *Document) Bytes() []byte {
	return d.raw
}

// Clone is an independent copy.
func (d *Document) Clone() *Document {
	return &Document{raw: bytes.Clone(d.raw)}
}

// Get is the text of a member's value, nil when there is no such member or its
// value is null, which Kuma takes for the same.
func (d *Document) Get(name string) json.RawMessage {
	e, ok := d.find(name)
	if !ok || bytes.Equal(d.raw[e.start:e.end], []byte("null")) {
		return nil
	}
	return d.raw[e.start:e.end]
}

// Object is the value of a member that is an object, and an empty document
// when the member is absent. A value of another kind is an error.
func (d *Document) Object(name string) (*Document, error) {
	value := d.Get(name)
	if value == nil {
		return NewDocument(), nil
	}
	object, err := ParseDocument(value)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return object, nil
}

// Decode unmarshals a member's value. An absent member leaves target alone.
func (d *Document) Decode(name string, target any) error {
	value := d.Get(name)
	if value == nil {
		return nil
	}
	if err := decode(value, target); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// decode unmarshals a value. Its errors quote nothing of the value: those of
// encoding/json and of time quote what they cannot read.
func decode(value []byte, target any) error {
	err := json.Unmarshal(value, target)
	var kind *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &kind):
		is, _, _ := strings.Cut(kind.Value, " ") // a number follows its kind
		at := "the value"
		if kind.Field != "" {
			at = kind.Field
		}
		return fmt.Errorf("%s has the wrong type (%s)", at, is)
	default:
		return errors.New("the value cannot be read")
	}
}

// Name is the member name, "" when it is absent.
func (d *Document) Name() (string, error) {
	var name string
	err := d.Decode("name", &name)
	return name, err
}

// CreationTime is when the control plane created the object, zero if it does not
// say.
func (d *Document) CreationTime() (time.Time, error) {
	var created time.Time
	err := d.Decode("creationTime", &created)
	return created, err
}

// Set gives a member a value, which must be valid JSON. A new member is added
// at the end.
func (d *Document) Set(name string, value json.RawMessage) {
	if e, ok := d.find(name); ok {
		d.raw = splice(d.raw, e.start, e.end, value)
		return
	}
	key, _ := json.Marshal(name) // a string always marshals
	d.raw = insert(d.raw, append(append(key, ':'), value...))
}

// Delete removes a member, if it is there, as often as it is there.
func (d *Document) Delete(name string) {
	d.raw = rewrite(d.raw, func(_ int, e element) (text []byte, keep bool) { return d.raw[e.start:e.end], e.name != name })
}

// EditObject lets edit change the value of a member that is an object, an empty
// one when the member is absent. A change that leaves nothing in it takes the
// member out; without a change no byte is touched.
func (d *Document) EditObject(name string, edit func(*Document) error) error {
	object, err := d.Object(name)
	if err != nil {
		return err
	}
	if err := edit(object); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	switch {
	case bytes.Equal(d.Get(name), object.Bytes()):
	case !object.Empty():
		d.Set(name, object.Bytes())
	case d.Get(name) != nil:
		d.Delete(name)
	}
	return nil
}

// Items are the objects in a member that is a list, none when the member is
// absent.
func (d *Document) Items(name string) ([]*Document, error) {
	var entries []json.RawMessage
	if err := d.Decode(name, &entries); err != nil {
		return nil, err
	}
	items := make([]*Document, 0, len(entries))
	for i, entry := range entries {
		item, err := ParseDocument(entry)
		if err != nil {
			return nil, fmt.Errorf("%s[%d]: %w", name, i, err)
		}
		items = append(items, item)
	}
	return items, nil
}

// EditItems lets edit change a member that is a list of objects. edit may change
// the items it gets, and returns those that stay, in their order, followed by new
// ones. A list that nothing is left in goes; without a change no byte is touched.
func (d *Document) EditItems(name string, edit func(items []*Document) ([]*Document, error)) error {
	items, err := d.Items(name)
	if err != nil {
		return err
	}
	wanted, err := edit(slices.Clone(items))
	if err != nil {
		return err
	}
	list := d.Get(name)
	if list == nil {
		list = json.RawMessage("[]")
	}
	list = rewrite(list, func(i int, _ element) (text []byte, keep bool) {
		return items[i].Bytes(), slices.Contains(wanted, items[i])
	})
	for _, item := range wanted {
		if !slices.Contains(items, item) {
			list = insert(list, item.Bytes())
		}
	}
	switch {
	case bytes.Equal(list, d.Get(name)):
	case len(elements(list)) > 0:
		d.Set(name, list)
	case d.Get(name) != nil:
		d.Delete(name)
	}
	return nil
}

// Empty tells whether the object has no members.
func (d *Document) Empty() bool {
	return len(elements(d.raw)) == 0
}

func (d *Document) find(name string) (element, bool) {
	var found element
	ok := false
	for _, e := range elements(d.raw) { // of a name that is there twice the last counts, as everywhere in Go
		if e.name == name {
			found, ok = e, true
		}
	}
	return found, ok
}

// An element is one member of an object or one item of an array: raw[start:end]
// is its value, and from is where the text that belongs to it begins, the comma
// before it included.
type element struct {
	name             string
	from, start, end int
}

// elements lists what an object or array holds. raw is valid JSON and begins
// with its bracket; anything else has no elements.
func elements(raw []byte) []element {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	opening, err := decoder.Token()
	if err != nil {
		return nil
	}
	bracket, ok := opening.(json.Delim)
	if !ok {
		return nil
	}
	var list []element
	for decoder.More() {
		e := element{from: int(decoder.InputOffset())}
		if bracket == '{' {
			key, err := decoder.Token()
			if err != nil {
				return nil
			}
			e.name, _ = key.(string)
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil
		}
		e.end = int(decoder.InputOffset())
		e.start = e.end - len(value)
		list = append(list, e)
	}
	return list
}

// splice replaces raw[start:end].
func splice(raw []byte, start, end int, with []byte) []byte {
	out := make([]byte, 0, len(raw)-(end-start)+len(with))
	out = append(out, raw[:start]...)
	out = append(out, with...)
	return append(out, raw[end:]...)
}

// insert adds an element at the end of an object or array.
func insert(raw, item []byte) []byte {
	list := elements(raw)
	if len(list) == 0 {
		return splice(raw, 1, 1, item)
	}
	at := list[len(list)-1].end
	return splice(raw, at, at, append([]byte{','}, item...))
}

// rewrite gives each element of an object or array another value, or takes it
// out, with one of the commas around it. All that is between stays.
func rewrite(raw []byte, edit func(i int, e element) (text []byte, keep bool)) []byte {
	list := elements(raw)
	if len(list) == 0 {
		return raw
	}
	out := append(make([]byte, 0, len(raw)), raw[:list[0].from]...)
	next, first := list[0].from, true
	for i, e := range list {
		text, keep := edit(i, e)
		switch {
		case keep && first && i > 0: // without the comma that separated it from what is gone
			comma := e.from + bytes.IndexByte(raw[e.from:], ',')
			out = append(append(out, raw[comma+1:e.start]...), text...)
		case keep:
			out = append(append(out, raw[next:e.start]...), text...)
		case !first:
			out = append(out, raw[next:e.from]...)
		}
		next, first = e.end, first && !keep
	}
	return append(out, raw[next:]...)
}

// depth is how deeply the objects and arrays of valid JSON are nested.
func depth(raw []byte) int {
	deepest, level, inText := 0, 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case inText && c == '\\':
			i++
		case c == '"':
			inText = !inText
		case inText:
		case c == '{' || c == '[':
			level++
			deepest = max(deepest, level)
		case c == '}' || c == ']':
			level--
		}
	}
	return deepest
}

// difference lists the members in which two documents differ, as paths of the
// form `networking.outbound.passthrough`, lists as a whole.
func difference(a, b *Document) []string {
	var paths []string
	seen := map[string]bool{}
	for _, e := range append(elements(a.raw), elements(b.raw)...) {
		x, y := a.Get(e.name), b.Get(e.name)
		if seen[e.name] || bytes.Equal(x, y) {
			continue
		}
		seen[e.name] = true
		left, errLeft := a.Object(e.name)
		right, errRight := b.Object(e.name)
		var below []string
		if errLeft == nil && errRight == nil {
			below = difference(left, right)
		}
		if len(below) == 0 {
			paths = append(paths, e.name)
		}
		for _, path := range below {
			paths = append(paths, e.name+"."+path)
		}
	}
	return paths
}
