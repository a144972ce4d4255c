package part

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	datasource "github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// A Texts is the kind of a part that is a list of strings, each in an object of
// its own. It has one element at least. An element with a private key is read as
// null, so that the state differs from every configuration.
type Texts struct {
	// Member and With describe the object of an element, as in a [Part].
	Member string
	With   map[string]string
	// Of is the kind of an element.
	Of Text
}

func (l Texts) kind() kind { return l }

func (Texts) attrType() attr.Type { return types.ListType{ElemType: types.StringType} }

func (l Texts) attribute(p Part) schema.Attribute {
	a := schema.ListAttribute{
		MarkdownDescription: p.Description, ElementType: types.StringType, Required: p.Required, Optional: !p.Required,
		Validators: []validator.List{listvalidator.SizeAtLeast(1), tfkit.NoNulls(), listvalidator.ValueStringsAre(l.Of.validators()...)},
	}
	if l.Of.Same != nil {
		a.PlanModifiers = []planmodifier.List{keepTexts{"Different forms of the same values cause no change.", l}}
	}
	return a
}

func (l Texts) computed(about string) datasource.Attribute {
	return tfkit.Computed(l.attrType(), about)
}

func (l Texts) forDataSource() Kind { return l }

func (Texts) null() attr.Value { return types.ListNull(types.StringType) }

// element returns the part of an object that is the string.
func (l Texts) element() Part { return Part{Member: l.Member, With: l.With, Kind: l.Of} }

func (l Texts) read(document *kuma.Document, member string, prior attr.Value) (attr.Value, error) {
	items, err := document.Items(member)
	if err != nil {
		return nil, err
	}
	before, now := ElementsOf(prior), []attr.Value{}
	for i, item := range items {
		var was attr.Value
		if len(now) < len(before) {
			was = before[len(now)]
		}
		ours, err := l.element().in(item)
		if err == nil && !ours {
			continue
		}
		value, errRead := l.element().Read(item, was)
		if err := errors.Join(err, errRead); err != nil {
			return nil, fmt.Errorf("%s[%d]: %w", member, i, err)
		}
		now = append(now, value)
	}
	return types.ListValueMust(types.StringType, now), nil
}

func (l Texts) edit(document *kuma.Document, member string, value attr.Value) error {
	now, err := l.read(document, member, nil)
	if err != nil {
		return err
	}
	wanted := ElementsOf(value)
	if l.equal(ElementsOf(now), wanted) {
		return nil
	}
	items, err := document.Items(member)
	if err != nil {
		return err
	}
	var all [][]byte
	for i, text := range wanted {
		item := l.takeItem(&items, text)
		if err := l.element().Edit(item, text); err != nil {
			return fmt.Errorf("%s[%d]: %w", member, i, err)
		}
		all = append(all, item.Bytes())
	}
	for _, item := range items { // those of another form
		if ours, err := l.element().in(item); err == nil && !ours {
			all = append(all, item.Bytes())
		}
	}
	document.Set(member, slices.Concat([]byte("["), bytes.Join(all, []byte(",")), []byte("]")))
	return nil
}

// takeItem removes the item with a string from items, and returns it, or a new
// one.
func (l Texts) takeItem(items *[]*kuma.Document, text attr.Value) *kuma.Document {
	for i, item := range *items {
		if is, err := l.element().Read(item, nil); err == nil && l.same(is, text) {
			*items = append((*items)[:i:i], (*items)[i+1:]...)
			return item
		}
	}
	return kuma.NewDocument()
}

func (l Texts) equal(a, b []attr.Value) bool {
	for i := range min(len(a), len(b)) {
		if !l.same(a[i], b[i]) {
			return false
		}
	}
	return len(a) == len(b)
}

func (l Texts) same(a, b attr.Value) bool {
	return !IsNull(a) && !IsNull(b) && l.Of.same(l.Of.plain(a), l.Of.plain(b))
}

func (Texts) meansNothing(value attr.Value) bool { return len(ElementsOf(value)) == 0 }

func (Texts) follow(at path.Path, field tfkit.FieldSteps, _ *kuma.Document, _ string, value attr.Value) path.Path {
	if index, ok := field.Index(); ok && index < len(ElementsOf(value)) {
		return at.AtListIndex(index)
	}
	return at
}

// keepTexts plans no change if each string is only another form of the one in
// the state.
type keepTexts struct {
	tfkit.Described
	Texts
}

func (l keepTexts) PlanModifyList(_ context.Context, req planmodifier.ListRequest, resp *planmodifier.ListResponse) {
	if IsNull(req.StateValue) || IsNull(req.PlanValue) || !l.equal(ElementsOf(req.StateValue), ElementsOf(req.PlanValue)) {
		return
	}
	resp.PlanValue = req.StateValue
}
