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

// Document is a JSON object as text. Set and Delete change one member and keep
// every other byte: order, white space, numbers of any size, and members that
// this package does not know.
type Document struct {
	raw []byte
	// members are those of raw, which a document is asked for many times.
	members []element
	// stored is the object that the document was read from, where the store writes
	// more than the document: nil elsewhere, and for a new document.
	stored *Document
	// written is when the document was last written, or some time after that, where
	// the document itself does not say.
	written time.Time
}

// ParseDocument parses the text of a JSON object. Anything else is an error.
func ParseDocument(text []byte) (*Document, error) {
	text = bytes.TrimSpace(text)
	if !json.Valid(text) {
		return nil, errors.New("not valid JSON")
	}
	if len(text) == 0 || text[0] != '{' {
		return nil, errors.New("not a JSON object")
	}
	text = bytes.Clone(text)
	return &Document{raw: text, members: elements(text)}, nil
}

// NewDocument returns an object without members.
func NewDocument() *Document {
	return &Document{raw: []byte("{}")}
}

// Bytes returns the text of the document.
func (d *Document) Bytes() []byte {
	return d.raw
}

// Clone returns an independent copy.
func (d *Document) Clone() *Document {
	return &Document{raw: bytes.Clone(d.raw), members: d.members, stored: d.stored, written: d.written}
}

// replace replaces the text of the document.
func (d *Document) replace(raw []byte) { d.raw, d.members = raw, elements(raw) }

// Get returns the text of a member's value, or nil if there is no such member
// or its value is null, which means the same to Kuma.
func (d *Document) Get(name string) json.RawMessage {
	e, ok := d.find(name)
	if !ok || bytes.Equal(d.raw[e.start:e.end], []byte("null")) {
		return nil
	}
	return d.raw[e.start:e.end]
}

// Object returns the value of a member that is an object, or an empty document
// if the member is absent. A value of another type is an error.
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

// ObjectAt is [Document.Object] for a member of nested objects.
func (d *Document) ObjectAt(path ...string) (*Document, error) {
	for _, name := range path {
		var err error
		if d, err = d.Object(name); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// Decode unmarshals a member's value. An absent member does not change target.
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

// valueAt returns the value of a member of nested objects, or the zero value if it is
// absent.
func valueAt[T any](d *Document, path ...string) (value T, err error) {
	err = d.DecodeAt(&value, path...)
	return value, err
}

// DecodeAt is [Document.Decode] for a member of nested objects.
func (d *Document) DecodeAt(target any, path ...string) error {
	last := len(path) - 1
	object, err := d.ObjectAt(path[:last]...)
	if err != nil {
		return err
	}
	return object.Decode(path[last], target)
}

// decode unmarshals a value. Its errors do not quote the value, unlike those of
// encoding/json and time.
func decode(value []byte, target any) error {
	err := json.Unmarshal(value, target)
	var kind *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &kind):
		is, _, _ := strings.Cut(kind.Value, " ") // a number follows the type
		at := "the value"
		if kind.Field != "" {
			at = kind.Field
		}
		return fmt.Errorf("%s has the wrong type (%s)", at, is)
	default:
		return errors.New("the value cannot be read")
	}
}

// Name returns the member name, or "" if it is absent.
func (d *Document) Name() (string, error) { return valueAt[string](d, "name") }

// CreationTime returns the time at which the control plane created the object,
// or zero if that is unknown.
func (d *Document) CreationTime() (time.Time, error) { return valueAt[time.Time](d, "creationTime") }

// Set sets a member to a value, which must be valid JSON. It adds a new member
// at the end.
func (d *Document) Set(name string, value json.RawMessage) {
	if e, ok := d.find(name); ok {
		d.replace(splice(d.raw, e.start, e.end, value))
		return
	}
	key, _ := json.Marshal(name) // a string always marshals
	d.replace(insert(d.raw, append(append(key, ':'), value...)))
}

// Delete removes all members with a name.
func (d *Document) Delete(name string) {
	d.replace(rewrite(d.raw, func(_ int, e element) (text []byte, keep bool) { return d.raw[e.start:e.end], e.name != name }))
}

// EditObject calls edit with the value of a member that is an object, or with
// an empty one if the member is absent. It removes a member that is empty after
// a change; without a change, it keeps every byte.
func (d *Document) EditObject(name string, edit func(*Document) error) error {
	object, err := d.Object(name)
	if err != nil {
		return err
	}
	if err := edit(object); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	d.setObject(name, object)
	return nil
}

// setObject sets a member to an object, or removes it if the object is empty.
func (d *Document) setObject(name string, object *Document) {
	switch {
	case bytes.Equal(d.Get(name), object.Bytes()):
	case !object.Empty():
		d.Set(name, object.Bytes())
	case d.Get(name) != nil:
		d.Delete(name)
	}
}

// Items returns the objects in a member that is a list, or none if the member
// is absent.
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

// EditItems calls edit with the objects in a member that is a list. edit may
// change them, and returns those to keep, in their order, followed by new ones.
// EditItems removes a list that is empty after a change; without a change, it
// keeps every byte.
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

// Empty reports whether the object has no members.
func (d *Document) Empty() bool {
	return len(d.members) == 0
}

func (d *Document) find(name string) (element, bool) {
	var found element
	ok := false
	for _, e := range d.members { // the last of two members with one name counts, as in encoding/json
		if e.name == name {
			found, ok = e, true
		}
	}
	return found, ok
}

// An element is one member of an object or one item of an array: raw[start:end]
// is its value, and from is the start of its text, including the comma before
// it.
type element struct {
	name             string
	from, start, end int
}

// elements returns the elements of an object or array. raw is valid JSON and
// begins with its bracket; any other value has no elements.
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

// splice replaces raw[start:end] with other text.
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

// rewrite replaces the value of each element of an object or array, or removes
// the element with one of the commas around it. It keeps all other text.
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
		case keep && first && i > 0: // without the comma after the removed element
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

// depth returns the nesting depth of valid JSON.
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

// difference returns the members in which two documents differ, as paths such
// as `networking.outbound.passthrough`. A list is one member.
func difference(a, b *Document) []string {
	var paths []string
	seen := map[string]bool{}
	for _, e := range slices.Concat(a.members, b.members) {
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
