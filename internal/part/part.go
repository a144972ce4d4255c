// Package part describes the members of a document as a table of parts. The
// schema of their attributes, how they are read and written, and the attribute
// for a field of a rejection all follow from it.
package part

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	datasource "github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// A Part describes a member of a document and its attribute.
type Part struct {
	// Name is the name of the attribute.
	Name string
	// Member is the member of the document, or the path of a member of nested
	// objects, such as `secretRef.name`.
	Member string
	// With are further members, by their paths, that the document has with these
	// values if it has the part, such as `type` of one of several forms. In a
	// document with other values, the part is null.
	With map[string]string
	// Description is the description of the attribute, in Markdown, without its
	// default.
	Description string
	Required    bool
	Kind        Kind
}

// A Kind is the type of a part: [Object], [List], [Texts], [Text], [Boolean],
// [Port], [Percent], [Map] or [JSON].
type Kind interface{ kind() kind }

// A kind determines the schema of a part, and how it is read and written.
type kind interface {
	attrType() attr.Type
	// attribute returns the attribute of the resource. Its default is the
	// control plane's value for an absent member.
	attribute(p Part) schema.Attribute
	// computed returns the attribute of the data source.
	computed(description string) datasource.Attribute
	// forDataSource returns the kind for the data source: lists are empty and not
	// null, and contain all backends, with the type of each.
	forDataSource() Kind
	// null returns the null value.
	null() attr.Value

	// read returns the value in a document. If null and a value mean the same,
	// or items have names and another order, it keeps the form of prior.
	read(document *kuma.Document, member string, prior attr.Value) (attr.Value, error)
	// edit changes a document to a value; null removes the member. Equivalent
	// values, members without a description, and backends of unmanaged types
	// stay byte for byte.
	edit(document *kuma.Document, member string, value attr.Value) error
	// meansNothing reports whether a value means the same as no value.
	meansNothing(value attr.Value) bool
	// follow returns the attribute for a field of a rejection, below the
	// attribute at.
	follow(at path.Path, field tfkit.FieldSteps, document *kuma.Document, member string, value attr.Value) path.Path
}

// Values are the values of attributes by name.
type Values = map[string]attr.Value

// Read returns the value of the part in a document. It keeps the form of the
// prior value, or of none if that is nil, where both mean the same.
func (p Part) Read(document *kuma.Document, prior attr.Value) (attr.Value, error) {
	is, err := p.in(document)
	if err != nil {
		return nil, err
	}
	if !is {
		return p.Kind.kind().null(), nil
	}
	objects, name := splitPath(p.Member)
	inner, err := document.ObjectAt(objects...)
	if err != nil {
		return nil, err
	}
	return p.Kind.kind().read(inner, name, prior)
}

// Edit changes a document to a value of the part; null removes the member. What
// means the same, and members without a description, stay byte for byte.
func (p Part) Edit(document *kuma.Document, value attr.Value) error {
	is, err := p.in(document)
	if err != nil {
		return err
	}
	if IsNull(value) && !is {
		return nil // the member belongs to another part, or to none
	}
	objects, name := splitPath(p.Member)
	err = kuma.EditAt(document, objects, func(inner *kuma.Document) error { return p.Kind.kind().edit(inner, name, value) })
	for _, member := range slices.Sorted(maps.Keys(p.With)) {
		if err == nil {
			err = editWith(document, member, p.With[member], !IsNull(value))
		}
	}
	return err
}

// editWith sets a member to a string, or removes it.
func editWith(document *kuma.Document, member, value string, there bool) error {
	objects, name := splitPath(member)
	return kuma.EditAt(document, objects, func(inner *kuma.Document) error {
		var is string
		if err := inner.Decode(name, &is); err != nil {
			return err
		}
		switch {
		case !there:
			inner.Delete(name)
		case is != value:
			inner.Set(name, json.RawMessage(strconv.Quote(value)))
		}
		return nil
	})
}

// splitPath splits the path of a member into the objects around it and its name.
func splitPath(member string) (objects []string, name string) {
	path := strings.Split(member, ".")
	last := len(path) - 1
	return path[:last], path[last]
}

// in reports whether a document has the members With. Without any, the part
// itself decides.
func (p Part) in(document *kuma.Document) (bool, error) {
	for member, value := range p.With {
		var is string
		if err := document.DecodeAt(&is, strings.Split(member, ".")...); err != nil || is != value {
			return false, err
		}
	}
	return true, nil
}

// Parts are the parts of one object.
type Parts []Part

// Attributes returns the parts as attributes of a resource.
func (all Parts) Attributes() map[string]schema.Attribute {
	attributes := map[string]schema.Attribute{}
	for _, p := range all {
		attributes[p.Name] = p.Kind.kind().attribute(p)
	}
	return attributes
}

// Computed returns the parts as attributes of a data source.
func (all Parts) Computed() map[string]datasource.Attribute {
	attributes := map[string]datasource.Attribute{}
	for _, p := range all {
		attributes[p.Name] = p.Kind.kind().computed(p.Description)
	}
	return attributes
}

// ForDataSource returns the parts for a data source: their lists are not null,
// and contain items of all types. Sensitive strings are not among them.
func (all Parts) ForDataSource() Parts {
	parts := slices.Clone(all)
	for i, p := range parts {
		parts[i].Kind = p.Kind.kind().forDataSource()
	}
	return slices.DeleteFunc(parts, func(p Part) bool {
		text, ok := p.Kind.(Text)
		return ok && text.Sensitive
	})
}

// Type returns the type of an object with these parts.
func (all Parts) Type() types.ObjectType {
	attributes := map[string]attr.Type{}
	for _, p := range all {
		attributes[p.Name] = p.Kind.kind().attrType()
	}
	return types.ObjectType{AttrTypes: attributes}
}

// Read returns the values of all parts in a document. See [Part.Read].
func (all Parts) Read(document *kuma.Document, prior Values) (Values, error) {
	now := Values{}
	for _, p := range all {
		value, err := p.Read(document, prior[p.Name])
		if err != nil {
			return nil, err
		}
		now[p.Name] = value
	}
	return now, nil
}

// Edit changes a document to the values of all parts. See [Part.Edit]. It
// removes parts first, so that another form can replace one.
func (all Parts) Edit(document *kuma.Document, wanted Values) error {
	for _, remove := range []bool{true, false} {
		for _, p := range all {
			if IsNull(wanted[p.Name]) != remove {
				continue
			}
			if err := p.Edit(document, wanted[p.Name]); err != nil {
				return err
			}
		}
	}
	return nil
}

// Follow returns the attribute below at for a field of a rejected document.
// found is false if the field belongs to none of the parts.
func (all Parts) Follow(at path.Path, field tfkit.FieldSteps, document *kuma.Document, values Values) (below path.Path, found bool) {
	for _, p := range all {
		steps, ok := field.Below(p.Member)
		if !ok {
			continue
		}
		objects, name := splitPath(p.Member)
		if inner, err := document.ObjectAt(objects...); err == nil {
			return p.Kind.kind().follow(at.AtName(p.Name), steps, inner, name, values[p.Name]), true
		}
	}
	return at, false
}

// Labels returns the part for the labels of a document.
func Labels() Part { return Part{Name: "labels", Member: "labels", Kind: Map{}} }

// IsNull reports whether a value is absent, null or unknown.
func IsNull(value attr.Value) bool {
	return value == nil || value.IsNull() || value.IsUnknown()
}

// AttributesOf returns the attributes of an object, or none.
func AttributesOf(value attr.Value) Values {
	if value, ok := value.(types.Object); ok && !IsNull(value) {
		return value.Attributes()
	}
	return Values{}
}

// ElementsOf returns the elements of a list, or none.
func ElementsOf(value attr.Value) []attr.Value {
	if value, ok := value.(types.List); ok && !IsNull(value) {
		return value.Elements()
	}
	return nil
}

// ObjectOf returns a value that is an object.
func ObjectOf(value attr.Value) types.Object {
	object, _ := value.(types.Object)
	return object
}

// TextOf returns a value that is a string, or "".
func TextOf(value attr.Value) string {
	text, _ := value.(types.String)
	return text.ValueString()
}

// IsTrue reports whether a value is the boolean true.
func IsTrue(value attr.Value) bool {
	is, _ := value.(types.Bool)
	return is.ValueBool()
}

// StringMap returns a map of strings, empty for null.
func StringMap(value attr.Value) map[string]string {
	all := map[string]string{}
	is, _ := value.(types.Map)
	for name, one := range is.Elements() {
		if one, ok := one.(types.String); ok {
			all[name] = one.ValueString()
		}
	}
	return all
}
