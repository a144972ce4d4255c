package part

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

// A List is the kind of a part that is a list of objects.
type List struct {
	Parts Parts  // of an item
	Key   string // the attribute that distinguishes items; "" means their position
	Types Parts  // in a list of backends, the object `conf` of each type, by its name
	full  bool   // never null, and includes backends of types without a description
}

func (l List) kind() kind { return l }

func (l List) itemType() types.ObjectType { return slices.Concat(l.Parts, l.Types).Type() }

func (l List) attrType() attr.Type { return types.ListType{ElemType: l.itemType()} }

func (l List) attribute(p Part) schema.Attribute {
	var names, quoted []string
	for _, t := range l.Types {
		names, quoted = append(names, t.Name), append(quoted, "`"+t.Name+"`")
	}
	description := p.Description
	switch len(names) {
	case 0:
	case 1:
		description += fmt.Sprintf(" Each has %s, which defines its type. Backends of other types stay in the mesh, and are not listed here.", quoted[0])
	default:
		description += fmt.Sprintf(" Each has exactly one of %s, which defines its type. Backends of other types stay in the mesh, and are not "+
			"listed here.", strings.Join(quoted, " and "))
	}
	a := tfkit.ListNested(schema.ListNestedAttribute{
		MarkdownDescription: description,
		Optional:            true,
		NestedObject:        schema.NestedAttributeObject{Attributes: slices.Concat(l.Parts, l.Types).Attributes()},
	})
	if l.Key != "" {
		a.Validators = []validator.List{uniqueItems{"unique names, and one type for each backend", l.Key, names}}
	}
	return a
}

func (l List) computed(description string) datasource.Attribute {
	return datasource.ListNestedAttribute{
		MarkdownDescription: description,
		Computed:            true,
		NestedObject:        datasource.NestedAttributeObject{Attributes: slices.Concat(l.Parts, l.Types).Computed()},
	}
}

func (l List) forDataSource() Kind {
	isBackends := l.Types != nil
	l.full, l.Parts, l.Types = true, l.Parts.ForDataSource(), l.Types.ForDataSource()
	if isBackends {
		l.Parts = append(l.Parts, Part{Name: "type", Member: "type", Description: "Type of the backend.", Kind: Text{}})
	}
	return l
}

func (l List) null() attr.Value { return types.ListNull(l.itemType()) }

func (l List) read(document *kuma.Document, member string, prior attr.Value) (attr.Value, error) {
	items, err := document.Items(member)
	if err != nil {
		return nil, err
	}
	before := ElementsOf(prior)
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
		value, err := l.readItem(item, AttributesOf(was))
		if err != nil {
			return nil, fmt.Errorf("%s[%d]: %w", member, i, err)
		}
		now = append(now, value)
	}
	if len(now) == 0 && IsNull(prior) && !l.full {
		return l.null(), nil
	}
	if l.Key != "" { // the control plane ignores the order
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

func (l List) readItem(item *kuma.Document, before Values) (attr.Value, error) {
	now, err := l.Parts.Read(item, before)
	if err != nil {
		return nil, err
	}
	is, err := typeOf(item)
	if l.Types != nil && err != nil {
		return nil, err
	}
	for _, t := range l.Types {
		conf := t.Kind.(Object)
		if t.Name != is {
			now[t.Name] = conf.null()
		} else if now[t.Name], err = conf.readMember(item, t.Member, before[t.Name]); err != nil {
			return nil, err
		}
	}
	return types.ObjectValueMust(l.itemType().AttrTypes, now), nil
}

func (l List) edit(document *kuma.Document, member string, value attr.Value) error {
	wanted := ElementsOf(value)
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
			if err := l.editItem(of[at], AttributesOf(value)); err != nil {
				return nil, fmt.Errorf("%s[%d]: %w", member, at, err)
			}
		}
		return kept, nil
	})
}

// match returns the item of each wanted value, or nil if there is none. kept
// has these, and the items of types that the provider does not manage.
func (l List) match(items []*kuma.Document, wanted []attr.Value) (of, kept []*kuma.Document, err error) {
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

func (l List) editItem(item *kuma.Document, wanted Values) error {
	if err := l.Parts.Edit(item, wanted); err != nil {
		return err
	}
	for _, t := range l.Types {
		if IsNull(wanted[t.Name]) {
			continue
		}
		is, err := typeOf(item)
		if err != nil {
			return err
		}
		if is != t.Name {
			item.Set("type", json.RawMessage(strconv.Quote(t.Name)))
			item.Delete(t.Member) // the conf of another type has no meaning for this one
		}
		if err := t.Edit(item, wanted[t.Name]); err != nil {
			return err
		}
	}
	return nil
}

func (List) meansNothing(value attr.Value) bool { return len(ElementsOf(value)) == 0 }

func (l List) follow(at path.Path, field tfkit.FieldSteps, document *kuma.Document, member string, value attr.Value) path.Path {
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
	position := l.indexOf(ElementsOf(value), name)
	if errors.Join(err, errName) != nil || !ours || position < 0 {
		return at
	}
	return l.followIn(at.AtListIndex(position), field[1:], item, AttributesOf(ElementsOf(value)[position]))
}

// followIn follows a field below an item.
func (l List) followIn(at path.Path, field tfkit.FieldSteps, item *kuma.Document, inner Values) path.Path {
	if len(field) == 0 {
		return at
	}
	if below, found := l.Parts.Follow(at, field, item, inner); found {
		return below
	}
	is, err := typeOf(item)
	if err != nil || !slices.Contains([]string{"conf", "config", "type"}, field.Member()) {
		return at
	}
	for _, t := range l.Types {
		if t.Name == is {
			return t.Kind.kind().follow(at.AtName(t.Name), field[1:], item, t.Member, inner[t.Name])
		}
	}
	return at
}

// owns reports whether the provider manages the type of an item.
func (l List) owns(item *kuma.Document) (bool, error) {
	if len(l.Types) == 0 || l.full {
		return true, nil
	}
	is, err := typeOf(item)
	return slices.ContainsFunc(l.Types, func(t Part) bool { return t.Name == is }), err
}

func typeOf(backend *kuma.Document) (string, error) {
	var is string
	err := backend.Decode("type", &is)
	return is, err
}

// nameOf returns what distinguishes an item from others: its key, or its
// position.
func (l List) nameOf(item *kuma.Document, position int) (string, error) {
	if l.Key == "" {
		return strconv.Itoa(position), nil
	}
	var name string
	err := item.Decode(l.Key, &name)
	return name, err
}

// keyOf returns the nameOf of a value.
func (l List) keyOf(value attr.Value, position int) string {
	if l.Key == "" {
		return strconv.Itoa(position)
	}
	name, _ := AttributesOf(value)[l.Key].(types.String)
	return name.ValueString()
}

func (l List) indexOf(items []attr.Value, name string) int {
	for i, item := range items {
		if l.keyOf(item, i) == name {
			return i
		}
	}
	return -1
}

// Unmanaged returns the names of the items in the lists of an object whose
// types the provider does not manage. It returns none if the document has
// another form.
func (p Part) Unmanaged(document *kuma.Document) []string {
	var names []string
	object, isObject := p.Kind.(Object)
	section, err := document.Object(p.Member)
	if err != nil || !isObject {
		return nil
	}
	for _, child := range object.Parts {
		backends, ok := child.Kind.(List)
		if !ok || backends.Types == nil {
			continue
		}
		items, err := section.Items(child.Member)
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
