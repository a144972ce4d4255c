package tfkit_test

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

func TestExactlyOneOf(t *testing.T) {
	text := map[string]attr.Type{"a": types.StringType, "b": types.StringType, "c": types.StringType, "other": types.StringType}
	object := func(a, b, c types.String) types.Object {
		return types.ObjectValueMust(text, map[string]attr.Value{"a": a, "b": b, "c": c, "other": types.StringValue("of no interest")})
	}
	set, null, unknown := types.StringValue(""), types.StringNull(), types.StringUnknown()
	for name, test := range map[string]struct {
		value    types.Object
		at, says string
	}{
		"the first":       {object(set, null, null), "", ""},
		"the second":      {object(null, set, null), "", ""},
		"one is unknown":  {object(unknown, null, null), "", ""},
		"perhaps two":     {object(set, unknown, null), "", ""},
		"none":            {object(null, null, null), "x.y", "x.y: Set exactly one of a, b, c. Currently, none of them is set."},
		"two":             {object(null, set, set), "x.y.b", "x.y.b: Set exactly one of a, b, c. Currently, b and c are set."},
		"two at least":    {object(set, unknown, set), "x.y.a", "x.y.a: Set exactly one of a, b, c. Currently, a and c are set."},
		"no object":       {types.ObjectNull(text), "", ""},
		"unknown objects": {types.ObjectUnknown(text), "", ""},
	} {
		var resp validator.ObjectResponse
		tfkit.ExactlyOneOf("a", "b", "c").ValidateObject(t.Context(), validator.ObjectRequest{
			Path: path.Root("x").AtName("y"), ConfigValue: test.value,
		}, &resp)
		var at, says string
		for _, d := range resp.Diagnostics.Errors() {
			says = d.Detail()
			if here, ok := d.(interface{ Path() path.Path }); ok {
				at = here.Path().String()
			}
		}
		if at != test.at || says != test.says {
			t.Errorf("%s: %q at %q", name, says, at)
		}
	}
}
