package tfkit

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

// NoNulls returns the rule that a list, map or set has no null element, because
// no document can have one.
func NoNulls() interface {
	validator.List
	validator.Map
	validator.Set
} {
	return noNulls{"no null element"}
}

type noNulls struct{ Described }

func (noNulls) ValidateList(_ context.Context, req validator.ListRequest, resp *validator.ListResponse) {
	for i, element := range req.ConfigValue.Elements() {
		addNull(&resp.Diagnostics, req.Path.AtListIndex(i), element)
	}
}

func (noNulls) ValidateMap(_ context.Context, req validator.MapRequest, resp *validator.MapResponse) {
	for key, element := range req.ConfigValue.Elements() {
		addNull(&resp.Diagnostics, req.Path.AtMapKey(key), element)
	}
}

func (noNulls) ValidateSet(_ context.Context, req validator.SetRequest, resp *validator.SetResponse) {
	for _, element := range req.ConfigValue.Elements() {
		addNull(&resp.Diagnostics, req.Path, element)
	}
}

func addNull(diags *diag.Diagnostics, at path.Path, element attr.Value) {
	if element.IsNull() {
		diags.AddAttributeError(at, "Null element", WithPath(at, "One element is null. Remove it, or set a value."))
	}
}
