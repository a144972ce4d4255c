package tfkit

import (
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"
)

// SingleNested returns the attribute with its type set. The framework makes the type
// of the nested attributes otherwise, at each of several uses in a call.
func SingleNested(a schema.SingleNestedAttribute) schema.SingleNestedAttribute {
	a.CustomType, _ = a.GetType().(basetypes.ObjectTypable)
	return a
}

// ListNested is [SingleNested] for a list.
func ListNested(a schema.ListNestedAttribute) schema.ListNestedAttribute {
	a.NestedObject.CustomType = a.NestedObject.Type()
	a.CustomType = types.ListType{ElemType: a.NestedObject.Type()}
	return a
}
