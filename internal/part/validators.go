package part

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// A Flaw is a problem with an attribute of an object.
type Flaw struct{ Attribute, Problem string }

// contradictions validates an object by itself.
type contradictions struct {
	tfkit.Described
	check func(Values) []Flaw
}

func (c contradictions) ValidateObject(_ context.Context, req validator.ObjectRequest, resp *validator.ObjectResponse) {
	for _, flaw := range c.check(AttributesOf(req.ConfigValue)) {
		at := req.Path.AtName(flaw.Attribute)
		resp.Diagnostics.AddAttributeError(at, "Contradiction", tfkit.WithPath(at, flaw.Problem+"."))
	}
}

// uniqueItems validates a list: names are unique, and each backend has one type.
type uniqueItems struct {
	tfkit.Described
	key   string
	types []string
}

func (l uniqueItems) ValidateList(_ context.Context, req validator.ListRequest, resp *validator.ListResponse) {
	seen := map[string]bool{}
	for i, item := range ElementsOf(req.ConfigValue) {
		at := req.Path.AtListIndex(i)
		inner := AttributesOf(item)
		if l.types != nil && !IsNull(item) {
			checkOneType(&resp.Diagnostics, at, l.types, inner)
		}
		name, ok := inner[l.key].(types.String)
		if !ok || IsNull(name) {
			continue
		}
		if seen[name.ValueString()] {
			at = at.AtName(l.key)
			resp.Diagnostics.AddAttributeError(at, "Duplicate name", tfkit.WithPath(at, fmt.Sprintf("Another element of this list has the name %s. Use a unique name.", tfkit.Quote(name.ValueString()))))
		}
		seen[name.ValueString()] = true
	}
}

func checkOneType(diags *diag.Diagnostics, at path.Path, all []string, inner Values) {
	var has []string
	for _, name := range all {
		switch value := inner[name]; {
		case value == nil || value.IsUnknown():
			return // validated once it is known
		case !value.IsNull():
			has = append(has, name)
		}
	}
	wanted := "exactly one of " + strings.Join(all, ", ")
	if len(all) == 1 {
		wanted = all[0]
	}
	if len(has) == 0 {
		diags.AddAttributeError(at, "Backend type is missing", tfkit.WithPath(at, "The backend must have "+wanted+", which defines its type."))
	}
	if len(has) > 1 {
		diags.AddAttributeError(at, "Several backend types", tfkit.WithPath(at, fmt.Sprintf("The backend has %s. It must have %s, which defines its type.", strings.Join(has, " and "), wanted)))
	}
}
