package mesh

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

// A part describes a member of a mesh's document and its attribute. Its kind
// determines the schema, and how the part is read and written.
type part struct {
	name     string // of the attribute
	member   string // of the document
	about    string // description
	required bool
	kind     kind
}

// A kind is the type of a part: [leaf], [object] or [list].
type kind interface {
	attrType() attr.Type
	// attribute returns the attribute of the resource. Its default is the
	// control plane's value for an absent member.
	attribute(p part) schema.Attribute
	// computed returns the attribute of the data source.
	computed(about string) datasource.Attribute
	// forDataSource returns the kind for the data source: lists are empty and not
	// null, and contain all backends, with the type of each.
	forDataSource() kind

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

type values = map[string]attr.Value

func (p part) read(document *kuma.Document, prior attr.Value) (attr.Value, error) {
	return p.kind.read(document, p.member, prior)
}

func (p part) edit(document *kuma.Document, value attr.Value) error {
	return p.kind.edit(document, p.member, value)
}

// attributes returns the parts as attributes of a resource.
func attributes(parts []part) map[string]schema.Attribute {
	all := map[string]schema.Attribute{}
	for _, p := range parts {
		all[p.name] = p.kind.attribute(p)
	}
	return all
}

// computed returns the parts as attributes of a data source.
func computed(parts []part) map[string]datasource.Attribute {
	all := map[string]datasource.Attribute{}
	for _, p := range parts {
		all[p.name] = p.kind.computed(p.about)
	}
	return all
}

// forDataSource returns the parts for a data source.
func forDataSource(parts []part) []part {
	all := slices.Clone(parts)
	for i, p := range all {
		all[i].kind = p.kind.forDataSource()
	}
	return all
}

func objectType(parts []part) types.ObjectType {
	attributes := map[string]attr.Type{}
	for _, p := range parts {
		attributes[p.name] = p.kind.attrType()
	}
	return types.ObjectType{AttrTypes: attributes}
}

func readParts(parts []part, document *kuma.Document, before values) (values, error) {
	now := values{}
	for _, p := range parts {
		value, err := p.read(document, before[p.name])
		if err != nil {
			return nil, err
		}
		now[p.name] = value
	}
	return now, nil
}

func editParts(parts []part, document *kuma.Document, wanted values) error {
	for _, p := range parts {
		if err := p.edit(document, wanted[p.name]); err != nil {
			return err
		}
	}
	return nil
}

// followBelow follows a field below an object or item. found is false if the
// field belongs to none of its parts.
func followBelow(parts []part, at path.Path, field tfkit.FieldSteps, document *kuma.Document, inner values) (below path.Path, found bool) {
	for _, p := range parts {
		if p.member == field.Member() {
			return p.kind.follow(at.AtName(p.name), field[1:], document, p.member, inner[p.name]), true
		}
	}
	return at, false
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
