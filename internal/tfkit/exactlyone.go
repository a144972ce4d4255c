package tfkit

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
)

// ExactlyOneOf returns the rule that exactly one of these attributes is set, in
// an object or at the root of a resource, data source or ephemeral resource. An
// unknown attribute may turn out to be set or not.
//
// The library's rule of that name searches the whole configuration for its
// attributes, once for each of them. That is more than a tenth of the time that
// a read of kongmesh_proxy_certificate takes.
func ExactlyOneOf(names ...string) OneAttribute {
	return OneAttribute{Described("exactly one of " + strings.Join(names, ", ")), names}
}

// OneAttribute is the rule that [ExactlyOneOf] returns.
type OneAttribute struct {
	Described
	names []string
}

var (
	_ validator.Object           = OneAttribute{}
	_ datasource.ConfigValidator = OneAttribute{}
	_ ephemeral.ConfigValidator  = OneAttribute{}
	_ resource.ConfigValidator   = OneAttribute{}
)

// ValidateObject checks an object.
func (o OneAttribute) ValidateObject(_ context.Context, req validator.ObjectRequest, resp *validator.ObjectResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	o.check(req.Path, req.ConfigValue.Attributes(), &resp.Diagnostics)
}

// ValidateDataSource checks the configuration of a data source.
func (o OneAttribute) ValidateDataSource(ctx context.Context, req datasource.ValidateConfigRequest, resp *datasource.ValidateConfigResponse) {
	o.checkRoot(ctx, req.Config, &resp.Diagnostics)
}

// ValidateEphemeralResource checks the configuration of an ephemeral resource.
func (o OneAttribute) ValidateEphemeralResource(ctx context.Context, req ephemeral.ValidateConfigRequest, resp *ephemeral.ValidateConfigResponse) {
	o.checkRoot(ctx, req.Config, &resp.Diagnostics)
}

// ValidateResource checks the configuration of a resource.
func (o OneAttribute) ValidateResource(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	o.checkRoot(ctx, req.Config, &resp.Diagnostics)
}

func (o OneAttribute) checkRoot(ctx context.Context, config tfsdk.Config, diags *diag.Diagnostics) {
	values := map[string]attr.Value{}
	for _, name := range o.names {
		var value attr.Value
		diags.Append(config.GetAttribute(ctx, path.Root(name), &value)...)
		values[name] = value
	}
	if !diags.HasError() {
		o.check(path.Empty(), values, diags)
	}
}

func (o OneAttribute) check(parent path.Path, values map[string]attr.Value, diags *diag.Diagnostics) {
	var set []string
	unknown := false
	for _, name := range o.names {
		switch value := values[name]; {
		case value.IsUnknown():
			unknown = true
		case !value.IsNull():
			set = append(set, name)
		}
	}
	at, now := parent, "none of them is set"
	switch {
	case len(set) == 1 || len(set) == 0 && unknown:
		return
	case len(set) == 0 && parent.Equal(path.Empty()):
		at = parent.AtName(o.names[0]) // without an attribute, Terraform does not show the location
	case len(set) > 1:
		at, now = parent.AtName(set[0]), strings.Join(set, " and ")+" are set"
	}
	diags.AddAttributeError(at, "Invalid Attribute Combination", WithPath(at, fmt.Sprintf("Set %s. Currently, %s.", o.Described, now)))
}
