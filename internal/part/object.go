package part

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	datasource "github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// An Object is the kind of a part with parts.
type Object struct {
	Parts Parts
	// ExactlyOne requires exactly one of the parts.
	ExactlyOne bool
	// Counts reports whether an empty object has a meaning of its own: it is not
	// null, and stays in the document.
	Counts bool
	// Check finds contradictions between attributes.
	Check func(Values) []Flaw
	// BeforeWrite completes the document before a write.
	BeforeWrite func(document *kuma.Document, wanted Values)
	// AfterRead removes values that the control plane has added.
	AfterRead func(now, prior Values)
}

func (o Object) kind() kind { return o }

func (o Object) attrType() attr.Type { return o.Parts.Type() }

func (o Object) attribute(p Part) schema.Attribute {
	a := tfkit.SingleNested(schema.SingleNestedAttribute{
		MarkdownDescription: p.Description, Required: p.Required, Optional: !p.Required, Attributes: o.Parts.Attributes(),
	})
	if o.Check != nil {
		a.Validators = append(a.Validators, contradictions{"attributes that do not conflict", o.Check})
	}
	if o.ExactlyOne {
		a.Validators = append(a.Validators, tfkit.ExactlyOneOf(o.names()...))
	}
	return a
}

func (o Object) names() []string {
	names := make([]string, len(o.Parts))
	for i, p := range o.Parts {
		names[i] = p.Name
	}
	return names
}

func (o Object) computed(description string) datasource.Attribute {
	return datasource.SingleNestedAttribute{MarkdownDescription: description, Computed: true, Attributes: o.Parts.Computed()}
}

func (o Object) forDataSource() Kind {
	o.Parts = o.Parts.ForDataSource()
	return o
}

func (o Object) null() attr.Value { return types.ObjectNull(o.Parts.Type().AttrTypes) }

func (o Object) read(document *kuma.Document, member string, prior attr.Value) (attr.Value, error) {
	now, err := o.readMember(document, member, prior)
	if err == nil && o.Counts && document.Get(member) == nil || err == nil && !o.Counts && IsNull(prior) && o.meansNothing(now) {
		return o.null(), nil
	}
	return now, err
}

// readMember reads an object that is never null.
func (o Object) readMember(document *kuma.Document, member string, prior attr.Value) (types.Object, error) {
	inner, err := document.Object(member)
	if err != nil {
		return types.Object{}, err
	}
	before := AttributesOf(prior)
	now, err := o.Parts.Read(inner, before)
	if err != nil {
		return types.Object{}, fmt.Errorf("%s: %w", member, err)
	}
	if o.AfterRead != nil {
		o.AfterRead(now, before)
	}
	return types.ObjectValueMust(o.Parts.Type().AttrTypes, now), nil
}

func (o Object) edit(document *kuma.Document, member string, value attr.Value) error {
	if o.Counts && IsNull(value) {
		document.Delete(member)
		return nil
	}
	err := document.EditObject(member, func(inner *kuma.Document) error {
		wanted := AttributesOf(value)
		if o.BeforeWrite != nil {
			o.BeforeWrite(inner, wanted)
		}
		return o.Parts.Edit(inner, wanted)
	})
	if o.Counts && document.Get(member) == nil {
		document.Set(member, json.RawMessage("{}"))
	}
	return err
}

func (o Object) meansNothing(value attr.Value) bool {
	inner := AttributesOf(value)
	return !o.Counts && !slices.ContainsFunc(o.Parts, func(p Part) bool { return !IsNull(inner[p.Name]) && !p.Kind.kind().meansNothing(inner[p.Name]) })
}

func (o Object) follow(at path.Path, field tfkit.FieldSteps, document *kuma.Document, member string, value attr.Value) path.Path {
	inner, err := document.Object(member)
	if err != nil || len(field) == 0 {
		return at
	}
	at, _ = o.Parts.Follow(at, field, inner, AttributesOf(value))
	return at
}
