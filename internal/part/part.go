// Package part describes the members of a document as a table of parts. The
// schema of their attributes, how they are read and written, and the attribute
// for a field of a rejection all follow from it.
package part

import (
	"slices"

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
	Name     string // of the attribute
	Member   string // of the document
	About    string // description
	Required bool
	Kind     Kind
}

// A Kind is the type of a part: [Object], [List], [Text], [Boolean], [Port],
// [Percent] or [Map].
type Kind interface{ kind() kind }

// A kind determines the schema of a part, and how it is read and written.
type kind interface {
	attrType() attr.Type
	// attribute returns the attribute of the resource. Its default is the
	// control plane's value for an absent member.
	attribute(p Part) schema.Attribute
	// computed returns the attribute of the data source.
	computed(about string) datasource.Attribute
	// forDataSource returns the kind for the data source: lists are empty and not
	// null, and contain all backends, with the type of each.
	forDataSource() Kind

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
	return p.Kind.kind().read(document, p.Member, prior)
}

// Edit changes a document to a value of the part; null removes the member. What
// means the same, and members without a description, stay byte for byte.
func (p Part) Edit(document *kuma.Document, value attr.Value) error {
	return p.Kind.kind().edit(document, p.Member, value)
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
		attributes[p.Name] = p.Kind.kind().computed(p.About)
	}
	return attributes
}

// ForDataSource returns the parts for a data source: their lists are not null,
// and contain items of all types.
func (all Parts) ForDataSource() Parts {
	parts := slices.Clone(all)
	for i, p := range parts {
		parts[i].Kind = p.Kind.kind().forDataSource()
	}
	return parts
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

// Edit changes a document to the values of all parts. See [Part.Edit].
func (all Parts) Edit(document *kuma.Document, wanted Values) error {
	for _, p := range all {
		if err := p.Edit(document, wanted[p.Name]); err != nil {
			return err
		}
	}
	return nil
}

// Follow returns the attribute below at for a field of a rejected document.
// found is false if the field belongs to none of the parts.
func (all Parts) Follow(at path.Path, field tfkit.FieldSteps, document *kuma.Document, values Values) (below path.Path, found bool) {
	for _, p := range all {
		if p.Member == field.Member() {
			return p.Kind.kind().follow(at.AtName(p.Name), field[1:], document, p.Member, values[p.Name]), true
		}
	}
	return at, false
}

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
