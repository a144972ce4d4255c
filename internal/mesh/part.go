package mesh

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

// A part describes a member of a mesh's document together with the attribute
// that it appears as. Its schema, how it is read and how it is written follow
// from the description.
type part struct {
	name   string // of the attribute
	member string // of the document
	kind   kind
	about  string // description

	// absent is what the control plane takes an absent member for, nil for
	// nothing. A value that means the same as what is there is never written.
	absent   any
	required bool
	rules    rules

	parts []part // of an object, or of an item of a list
	key   string // of a list: the attribute that tells its items apart; "" is their position
	types []part // of a list of backends: the conf of each type, by its name
	full  bool   // of a list: it is never null, and has backends of types without a description too

	beforeWrite func(document *kuma.Document, wanted values) // completes what is to be written
	afterRead   func(now, prior values)
}

type kind int

const (
	text     kind = iota // or an enumeration, whose numbers are the positions in rules.values
	flag                 // true or false
	number               // whole, 0 is absent
	fraction             // any number
	tags                 // texts by name
	object               // parts
	list                 // of objects
)

type values = map[string]attr.Value

func (p part) attrType() attr.Type {
	switch p.kind {
	case flag:
		return types.BoolType
	case number:
		return types.Int64Type
	case fraction:
		return types.Float64Type
	case tags:
		return types.MapType{ElemType: types.StringType}
	case object:
		return p.objectType()
	case list:
		return types.ListType{ElemType: p.objectType()}
	default:
		return types.StringType
	}
}

func (p part) objectType() types.ObjectType {
	attributes := map[string]attr.Type{}
	for _, child := range slices.Concat(p.parts, p.types) {
		attributes[child.name] = child.attrType()
	}
	return types.ObjectType{AttrTypes: attributes}
}

// read is what a document says about a part. prior is how it was written
// before: where null and a value mean the same, and the order of items that
// have names, it is kept.
func (p part) read(document *kuma.Document, prior attr.Value) (attr.Value, error) {
	switch p.kind {
	case object:
		inner, err := document.Object(p.member)
		if err != nil {
			return nil, err
		}
		now, err := p.readObject(inner, prior)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.member, err)
		}
		if isNull(prior) && p.meansNothing(now) {
			return types.ObjectNull(p.objectType().AttrTypes), nil
		}
		return now, nil
	case list:
		return p.readList(document, prior)
	default:
		now, err := p.decode(document)
		return p.value(now), err
	}
}

func (p part) readObject(document *kuma.Document, prior attr.Value) (types.Object, error) {
	before := attributesOf(prior)
	now := values{}
	for _, child := range p.parts {
		value, err := child.read(document, before[child.name])
		if err != nil {
			return types.Object{}, err
		}
		now[child.name] = value
	}
	if err := p.readConf(document, before, now); err != nil {
		return types.Object{}, err
	}
	if p.afterRead != nil {
		p.afterRead(now, before)
	}
	return types.ObjectValueMust(p.objectType().AttrTypes, now), nil
}

// conf adds the configuration of a backend to now, as the attribute of its type.
func (p part) readConf(document *kuma.Document, before, now values) error {
	if len(p.types) == 0 {
		return nil
	}
	is, err := typeOf(document)
	if err != nil {
		return err
	}
	for _, t := range p.types {
		now[t.name] = types.ObjectNull(t.objectType().AttrTypes)
		if t.name != is {
			continue
		}
		conf, err := document.Object(t.member)
		if err != nil {
			return err
		}
		if now[t.name], err = t.readObject(conf, before[t.name]); err != nil {
			return fmt.Errorf("%s: %w", t.member, err)
		}
	}
	return nil
}

func (p part) readList(document *kuma.Document, prior attr.Value) (attr.Value, error) {
	items, err := document.Items(p.member)
	if err != nil {
		return nil, err
	}
	before := elementsOf(prior)
	var now []attr.Value
	for i, item := range items {
		ours, err := p.owns(item)
		if err == nil && !ours {
			continue
		}
		name, errName := p.nameOf(item, len(now))
		if err := errors.Join(err, errName); err != nil {
			return nil, fmt.Errorf("%s[%d]: %w", p.member, i, err)
		}
		var was attr.Value
		if at := p.indexOf(before, name); at >= 0 {
			was = before[at]
		}
		value, err := p.readObject(item, was)
		if err != nil {
			return nil, fmt.Errorf("%s[%d]: %w", p.member, i, err)
		}
		now = append(now, value)
	}
	if len(now) == 0 && isNull(prior) && !p.full {
		return types.ListNull(p.objectType()), nil
	}
	if p.key != "" { // the order means nothing to the control plane
		rank := func(value attr.Value) int {
			if at := p.indexOf(before, p.keyOf(value, 0)); at >= 0 {
				return at
			}
			return len(before)
		}
		slices.SortStableFunc(now, func(a, b attr.Value) int { return rank(a) - rank(b) })
	}
	return types.ListValueMust(p.objectType(), now), nil
}

// edit makes a document mean a value; null is nothing at all. What means the
// same already, what has no description, and backends that are not ours, stay
// byte for byte.
func (p part) edit(document *kuma.Document, value attr.Value) error {
	switch p.kind {
	case object:
		return document.EditObject(p.member, func(inner *kuma.Document) error { return p.editObject(inner, value) })
	case list:
		return p.editList(document, value)
	default:
		now, err := p.decode(document)
		if err != nil {
			return err
		}
		wanted := p.plain(value)
		if wanted == nil {
			wanted = p.absent
		}
		switch {
		case reflect.DeepEqual(now, wanted):
		case wanted == nil || reflect.DeepEqual(wanted, p.absent):
			document.Delete(p.member)
		default:
			encoded, err := json.Marshal(wanted)
			if err != nil {
				return fmt.Errorf("%s: %w", p.member, err)
			}
			document.Set(p.member, encoded)
		}
		return nil
	}
}

func (p part) editObject(document *kuma.Document, value attr.Value) error {
	wanted := attributesOf(value)
	if p.beforeWrite != nil {
		p.beforeWrite(document, wanted)
	}
	for _, child := range p.parts {
		if err := child.edit(document, wanted[child.name]); err != nil {
			return err
		}
	}
	for _, t := range p.types {
		if isNull(wanted[t.name]) {
			continue
		}
		is, err := typeOf(document)
		if err != nil {
			return err
		}
		if is != t.name {
			document.Set("type", json.RawMessage(strconv.Quote(t.name)))
			document.Delete(t.member) // that of another type means nothing here
		}
		if err := t.edit(document, wanted[t.name]); err != nil {
			return err
		}
	}
	return nil
}

func (p part) editList(document *kuma.Document, value attr.Value) error {
	wanted := elementsOf(value)
	return document.EditItems(p.member, func(items []*kuma.Document) ([]*kuma.Document, error) {
		item, kept, err := p.match(items, wanted)
		if err != nil {
			return nil, err
		}
		for at, value := range wanted {
			if item[at] == nil {
				item[at] = kuma.NewDocument()
				kept = append(kept, item[at])
			}
			if err := p.editObject(item[at], value); err != nil {
				return nil, fmt.Errorf("%s[%d]: %w", p.member, at, err)
			}
		}
		return kept, nil
	})
}

// match finds the item of each wanted value, nil if there is none. kept are these
// and those that are not ours.
func (p part) match(items []*kuma.Document, wanted []attr.Value) (of, kept []*kuma.Document, err error) {
	of = make([]*kuma.Document, len(wanted))
	position := 0
	for i, item := range items {
		ours, err := p.owns(item)
		if err == nil && !ours {
			kept = append(kept, item)
			continue
		}
		name, errName := p.nameOf(item, position)
		if err := errors.Join(err, errName); err != nil {
			return nil, nil, fmt.Errorf("%s[%d]: %w", p.member, i, err)
		}
		position++
		if at := p.indexOf(wanted, name); at >= 0 && of[at] == nil {
			of[at] = item
			kept = append(kept, item)
		}
	}
	return of, kept, nil
}

// owns tells whether an item of a list is of a type that has a description.
func (p part) owns(item *kuma.Document) (bool, error) {
	if len(p.types) == 0 || p.full {
		return true, nil
	}
	is, err := typeOf(item)
	return slices.ContainsFunc(p.types, func(t part) bool { return t.name == is }), err
}

// others are the names of a section's backends that are not ours.
func (p part) others(mesh *kuma.Mesh) []string {
	var names []string
	section, err := mesh.Object(p.member)
	if err != nil {
		return nil
	}
	for _, child := range p.parts {
		if child.types == nil {
			continue
		}
		items, err := section.Items(child.member)
		if err != nil {
			return nil
		}
		for _, item := range items {
			ours, errOurs := child.owns(item)
			name, errName := child.nameOf(item, 0)
			if errOurs == nil && errName == nil && !ours {
				names = append(names, name)
			}
		}
	}
	return names
}

func typeOf(backend *kuma.Document) (string, error) {
	var is string
	err := backend.Decode("type", &is)
	return is, err
}

// nameOf is what tells an item from others: its key, or its position.
func (p part) nameOf(item *kuma.Document, position int) (string, error) {
	if p.key == "" {
		return strconv.Itoa(position), nil
	}
	var name string
	err := item.Decode(p.key, &name)
	return name, err
}

// keyOf is nameOf of a value.
func (p part) keyOf(value attr.Value, position int) string {
	if p.key == "" {
		return strconv.Itoa(position)
	}
	name, _ := attributesOf(value)[p.key].(types.String)
	return name.ValueString()
}

func (p part) indexOf(items []attr.Value, name string) int {
	for i, item := range items {
		if p.keyOf(item, i) == name {
			return i
		}
	}
	return -1
}

// meansNothing tells whether a value says no more than its absence does.
func (p part) meansNothing(value attr.Value) bool {
	switch {
	case isNull(value):
		return true
	case p.kind == list:
		return len(elementsOf(value)) == 0
	case p.kind == object:
		inner := attributesOf(value)
		return !slices.ContainsFunc(p.parts, func(child part) bool { return !child.meansNothing(inner[child.name]) })
	default:
		return reflect.DeepEqual(p.plain(value), p.absent)
	}
}

// decode is what the document means by a member: a string, bool, int64, float64
// or map[string]string, or what stands for an absent one.
func (p part) decode(document *kuma.Document) (any, error) {
	raw := document.Get(p.member)
	if raw == nil {
		return p.absent, nil
	}
	now, err := p.parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.member, err)
	}
	if now == nil {
		return p.absent, nil
	}
	return now, nil
}

func (p part) parse(raw json.RawMessage) (any, error) {
	switch p.kind {
	case flag:
		var is bool
		err := json.Unmarshal(raw, &is)
		return is, err
	case number, fraction:
		// The control plane takes numbers in quotation marks as well.
		near, err := strconv.ParseFloat(strings.Trim(string(raw), `"`), 64)
		whole := int64(near)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s is not a number", raw)
		case p.kind == fraction:
			return near, nil
		case float64(whole) != near:
			return nil, fmt.Errorf("%s is not a whole number", raw)
		case whole == 0:
			return nil, nil
		}
		return whole, nil
	case tags:
		var all map[string]string
		if err := json.Unmarshal(raw, &all); err != nil || len(all) == 0 {
			return nil, err
		}
		return all, nil
	default:
		if position, err := strconv.Atoi(string(raw)); err == nil && position >= 0 && position < len(p.rules.values) {
			return p.rules.values[position], nil
		}
		var is string
		if err := json.Unmarshal(raw, &is); err != nil || is == "" {
			return nil, err
		}
		return is, nil
	}
}

// value is the opposite of plain.
func (p part) value(plain any) attr.Value {
	switch p.kind {
	case flag:
		return types.BoolPointerValue(pointer[bool](plain))
	case number:
		return types.Int64PointerValue(pointer[int64](plain))
	case fraction:
		return types.Float64PointerValue(pointer[float64](plain))
	case tags:
		is, ok := plain.(map[string]string)
		if !ok {
			return types.MapNull(types.StringType)
		}
		all := values{}
		for name, value := range is {
			all[name] = types.StringValue(value)
		}
		return types.MapValueMust(types.StringType, all)
	default:
		return types.StringPointerValue(pointer[string](plain))
	}
}

// pointer is nil for what is not there.
func pointer[T any](plain any) *T {
	is, ok := plain.(T)
	if !ok {
		return nil
	}
	return &is
}

// plain is a value as decode gives it, nil for null.
func (p part) plain(value attr.Value) any {
	if isNull(value) {
		return nil
	}
	switch value := value.(type) {
	case types.Bool:
		return value.ValueBool()
	case types.Int64:
		return value.ValueInt64()
	case types.Float64:
		return value.ValueFloat64()
	case types.String:
		return value.ValueString()
	case types.Map:
		all := map[string]string{}
		for name, one := range value.Elements() {
			if one, ok := one.(types.String); ok {
				all[name] = one.ValueString()
			}
		}
		return all
	default:
		return nil
	}
}

func isNull(value attr.Value) bool {
	return value == nil || value.IsNull() || value.IsUnknown()
}

func attributesOf(value attr.Value) values {
	if value, ok := value.(types.Object); ok && !isNull(value) {
		return value.Attributes()
	}
	return values{}
}

func elementsOf(value attr.Value) []attr.Value {
	if value, ok := value.(types.List); ok && !isNull(value) {
		return value.Elements()
	}
	return nil
}

func objectOf(value attr.Value) types.Object {
	object, _ := value.(types.Object)
	return object
}
