package mesh

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	datasource "github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// A list is the kind of a part that is a list of objects.
type list struct {
	parts []part // of an item
	key   string // the attribute that distinguishes items; "" means their position
	types []part // in a list of backends, the object `conf` of each type, by its name
	full  bool   // never null, and includes backends of types without a description
}

func (l list) itemType() types.ObjectType { return objectType(slices.Concat(l.parts, l.types)) }

func (l list) attrType() attr.Type { return types.ListType{ElemType: l.itemType()} }

func (l list) attribute(p part) schema.Attribute {
	var names, quoted []string
	for _, t := range l.types {
		names, quoted = append(names, t.name), append(quoted, "`"+t.name+"`")
	}
	about := p.about
	switch len(names) {
	case 0:
	case 1:
		about += fmt.Sprintf(" Each has %s, which defines its type. Backends of other types stay in the mesh, and are not listed here.", quoted[0])
	default:
		about += fmt.Sprintf(" Each has exactly one of %s, which defines its type. Backends of other types stay in the mesh, and are not "+
			"listed here.", strings.Join(quoted, " and "))
	}
	a := schema.ListNestedAttribute{
		MarkdownDescription: about,
		Optional:            true,
		NestedObject:        schema.NestedAttributeObject{Attributes: attributes(slices.Concat(l.parts, l.types))},
	}
	if l.key != "" {
		a.Validators = []validator.List{uniqueItems{l.key, names}}
	}
	return a
}

func (l list) computed(about string) datasource.Attribute {
	return datasource.ListNestedAttribute{
		MarkdownDescription: about,
		Computed:            true,
		NestedObject:        datasource.NestedAttributeObject{Attributes: computed(slices.Concat(l.parts, l.types))},
	}
}

func (l list) forDataSource() kind {
	isBackends := l.types != nil
	l.full, l.parts, l.types = true, forDataSource(l.parts), forDataSource(l.types)
	if isBackends {
		l.parts = append(l.parts, part{name: "type", member: "type", about: "Type of the backend.", kind: leaf{text{}}})
	}
	return l
}

func (l list) read(document *kuma.Document, member string, prior attr.Value) (attr.Value, error) {
	items, err := document.Items(member)
	if err != nil {
		return nil, err
	}
	before := elementsOf(prior)
	var now []attr.Value
	for i, item := range items {
		ours, err := l.owns(item)
		if err == nil && !ours {
			continue
		}
		name, errName := l.nameOf(item, len(now))
		if err := errors.Join(err, errName); err != nil {
			return nil, fmt.Errorf("%s[%d]: %w", member, i, err)
		}
		var was attr.Value
		if at := l.indexOf(before, name); at >= 0 {
			was = before[at]
		}
		value, err := l.readItem(item, attributesOf(was))
		if err != nil {
			return nil, fmt.Errorf("%s[%d]: %w", member, i, err)
		}
		now = append(now, value)
	}
	if len(now) == 0 && isNull(prior) && !l.full {
		return types.ListNull(l.itemType()), nil
	}
	if l.key != "" { // the control plane ignores the order
		rank := func(value attr.Value) int {
			if at := l.indexOf(before, l.keyOf(value, 0)); at >= 0 {
				return at
			}
			return len(before)
		}
		slices.SortStableFunc(now, func(a, b attr.Value) int { return rank(a) - rank(b) })
	}
	return types.ListValueMust(l.itemType(), now), nil
}

func (l list) readItem(item *kuma.Document, before values) (attr.Value, error) {
	now, err := readParts(l.parts, item, before)
	if err != nil {
		return nil, err
	}
	is, err := typeOf(item)
	if l.types != nil && err != nil {
		return nil, err
	}
	for _, t := range l.types {
		conf := t.kind.(object)
		if t.name != is {
			now[t.name] = types.ObjectNull(objectType(conf.parts).AttrTypes)
		} else if now[t.name], err = conf.readMember(item, t.member, before[t.name]); err != nil {
			return nil, err
		}
	}
	return types.ObjectValueMust(l.itemType().AttrTypes, now), nil
}

func (l list) edit(document *kuma.Document, member string, value attr.Value) error {
	wanted := elementsOf(value)
	return document.EditItems(member, func(items []*kuma.Document) ([]*kuma.Document, error) {
		of, kept, err := l.match(items, wanted)
		if err != nil {
			return nil, fmt.Errorf("%s%w", member, err)
		}
		for at, value := range wanted {
			if of[at] == nil {
				of[at] = kuma.NewDocument()
				kept = append(kept, of[at])
			}
			if err := l.editItem(of[at], attributesOf(value)); err != nil {
				return nil, fmt.Errorf("%s[%d]: %w", member, at, err)
			}
		}
		return kept, nil
	})
}

// match returns the item of each wanted value, or nil if there is none. kept
// has these, and the items of types that the provider does not manage.
func (l list) match(items []*kuma.Document, wanted []attr.Value) (of, kept []*kuma.Document, err error) {
	of = make([]*kuma.Document, len(wanted))
	position := 0
	for i, item := range items {
		ours, err := l.owns(item)
		if err == nil && !ours {
			kept = append(kept, item)
			continue
		}
		name, errName := l.nameOf(item, position)
		if err := errors.Join(err, errName); err != nil {
			return nil, nil, fmt.Errorf("[%d]: %w", i, err)
		}
		position++
		if at := l.indexOf(wanted, name); at >= 0 && of[at] == nil {
			of[at] = item
			kept = append(kept, item)
		}
	}
	return of, kept, nil
}

func (l list) editItem(item *kuma.Document, wanted values) error {
	if err := editParts(l.parts, item, wanted); err != nil {
		return err
	}
	for _, t := range l.types {
		if isNull(wanted[t.name]) {
			continue
		}
		is, err := typeOf(item)
		if err != nil {
			return err
		}
		if is != t.name {
			item.Set("type", json.RawMessage(strconv.Quote(t.name)))
			item.Delete(t.member) // the conf of another type has no meaning for this one
		}
		if err := t.edit(item, wanted[t.name]); err != nil {
			return err
		}
	}
	return nil
}

func (list) meansNothing(value attr.Value) bool { return len(elementsOf(value)) == 0 }

func (l list) follow(at path.Path, field tfkit.FieldSteps, document *kuma.Document, member string, value attr.Value) path.Path {
	index, ok := field.Index()
	items, err := document.Items(member)
	if !ok || err != nil || index >= len(items) {
		return at
	}
	// An index also counts the backends of unmanaged types, and their order may
	// differ.
	item := items[index]
	ours, err := l.owns(item)
	name, errName := l.nameOf(item, index)
	position := l.indexOf(elementsOf(value), name)
	if errors.Join(err, errName) != nil || !ours || position < 0 {
		return at
	}
	return l.followIn(at.AtListIndex(position), field[1:], item, attributesOf(elementsOf(value)[position]))
}

// followIn follows a field below an item.
func (l list) followIn(at path.Path, field tfkit.FieldSteps, item *kuma.Document, inner values) path.Path {
	if len(field) == 0 {
		return at
	}
	if below, found := followBelow(l.parts, at, field, item, inner); found {
		return below
	}
	is, err := typeOf(item)
	if err != nil || !slices.Contains([]string{"conf", "config", "type"}, field.Member()) {
		return at
	}
	for _, t := range l.types {
		if t.name == is {
			return t.kind.follow(at.AtName(t.name), field[1:], item, t.member, inner[t.name])
		}
	}
	return at
}

// owns reports whether the provider manages the type of an item.
func (l list) owns(item *kuma.Document) (bool, error) {
	if len(l.types) == 0 || l.full {
		return true, nil
	}
	is, err := typeOf(item)
	return slices.ContainsFunc(l.types, func(t part) bool { return t.name == is }), err
}

func typeOf(backend *kuma.Document) (string, error) {
	var is string
	err := backend.Decode("type", &is)
	return is, err
}

// nameOf returns what distinguishes an item from others: its key, or its
// position.
func (l list) nameOf(item *kuma.Document, position int) (string, error) {
	if l.key == "" {
		return strconv.Itoa(position), nil
	}
	var name string
	err := item.Decode(l.key, &name)
	return name, err
}

// keyOf returns the nameOf of a value.
func (l list) keyOf(value attr.Value, position int) string {
	if l.key == "" {
		return strconv.Itoa(position)
	}
	name, _ := attributesOf(value)[l.key].(types.String)
	return name.ValueString()
}

func (l list) indexOf(items []attr.Value, name string) int {
	for i, item := range items {
		if l.keyOf(item, i) == name {
			return i
		}
	}
	return -1
}

// others returns the names of a section's backends of types that the provider
// does not manage.
func (p part) others(mesh *kuma.Mesh) []string {
	var names []string
	section, err := mesh.Object(p.member)
	if err != nil {
		return nil
	}
	for _, child := range p.kind.(object).parts {
		backends, ok := child.kind.(list)
		if !ok || backends.types == nil {
			continue
		}
		items, err := section.Items(child.member)
		if err != nil {
			return nil
		}
		for _, item := range items {
			ours, errOurs := backends.owns(item)
			name, errName := backends.nameOf(item, 0)
			if errOurs == nil && errName == nil && !ours {
				names = append(names, name)
			}
		}
	}
	return names
}
