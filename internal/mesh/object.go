package mesh

import (
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	datasource "github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// An object is the kind of a part with parts.
type object struct {
	parts []part
	// check finds contradictions between attributes.
	check func(values) []flaw
	// beforeWrite completes the document before a write.
	beforeWrite func(document *kuma.Document, wanted values)
	// afterRead removes values that the control plane has added.
	afterRead func(now, prior values)
}

func (o object) attrType() attr.Type { return objectType(o.parts) }

func (o object) attribute(p part) schema.Attribute {
	a := schema.SingleNestedAttribute{MarkdownDescription: p.about, Required: p.required, Optional: !p.required, Attributes: attributes(o.parts)}
	if o.check != nil {
		a.Validators = []validator.Object{contradictions{o.check}}
	}
	return a
}

func (o object) computed(about string) datasource.Attribute {
	return datasource.SingleNestedAttribute{MarkdownDescription: about, Computed: true, Attributes: computed(o.parts)}
}

func (o object) forDataSource() kind {
	o.parts = forDataSource(o.parts)
	return o
}

func (o object) read(document *kuma.Document, member string, prior attr.Value) (attr.Value, error) {
	now, err := o.readMember(document, member, prior)
	if err == nil && isNull(prior) && o.meansNothing(now) {
		return types.ObjectNull(objectType(o.parts).AttrTypes), nil
	}
	return now, err
}

// readMember reads an object that is never null.
func (o object) readMember(document *kuma.Document, member string, prior attr.Value) (types.Object, error) {
	inner, err := document.Object(member)
	if err != nil {
		return types.Object{}, err
	}
	before := attributesOf(prior)
	now, err := readParts(o.parts, inner, before)
	if err != nil {
		return types.Object{}, fmt.Errorf("%s: %w", member, err)
	}
	if o.afterRead != nil {
		o.afterRead(now, before)
	}
	return types.ObjectValueMust(objectType(o.parts).AttrTypes, now), nil
}

func (o object) edit(document *kuma.Document, member string, value attr.Value) error {
	return document.EditObject(member, func(inner *kuma.Document) error {
		wanted := attributesOf(value)
		if o.beforeWrite != nil {
			o.beforeWrite(inner, wanted)
		}
		return editParts(o.parts, inner, wanted)
	})
}

func (o object) meansNothing(value attr.Value) bool {
	inner := attributesOf(value)
	return !slices.ContainsFunc(o.parts, func(p part) bool { return !isNull(inner[p.name]) && !p.kind.meansNothing(inner[p.name]) })
}

func (o object) follow(at path.Path, field tfkit.FieldSteps, document *kuma.Document, member string, value attr.Value) path.Path {
	inner, err := document.Object(member)
	if err != nil || len(field) == 0 {
		return at
	}
	at, _ = followBelow(o.parts, at, field, inner, attributesOf(value))
	return at
}
