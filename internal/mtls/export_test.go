package mtls

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// Change does what an update does with a plan that names another pair, for
// tests that stop it anywhere.
func Change(ctx context.Context, client *kuma.Client, clock kuma.Clock, mesh, name, cert, key string) diag.Diagnostics {
	b := &backend{Resource: tfkit.Resource{ProviderData: tfkit.ProviderData{Client: client, Clock: clock, Run: &tfkit.Run{}}}}
	plan := model{
		Mesh: types.StringValue(mesh), Name: types.StringValue(name), Enabled: types.BoolValue(true),
		entry:          entry{Mode: types.StringValue(kuma.Strict), Cert: &dataSource{Secret: types.StringValue(cert)}, Key: &dataSource{Secret: types.StringValue(key)}},
		SkipValidation: types.BoolValue(false),
	}
	var diags diag.Diagnostics
	_, err := b.change(ctx, plan, &diags)
	addWriteError(&diags, "change the backend", plan, err)
	return diags
}

// AttributeOf is where a refusal of a field goes, for a backend with its cert
// in a secret and its key in a file, in a document with these backends.
func AttributeOf(field, name string, backends ...string) (path.Path, string) {
	return model{
		Name:  types.StringValue(name),
		entry: entry{Cert: &dataSource{Secret: types.StringValue("c")}, Key: &dataSource{File: types.StringValue("/k")}},
	}.explain(field, backends)
}

// RefuseDisabling is why an update does not disable a backend, whatever its plan
// has found.
func RefuseDisabling(ctx context.Context, client *kuma.Client, mesh, name string, force bool) error {
	b := &backend{Resource: tfkit.Resource{ProviderData: tfkit.ProviderData{Client: client}}}
	prior := model{Mesh: types.StringValue(mesh), Name: types.StringValue(name), Enabled: types.BoolValue(true), ForceDestroy: types.BoolValue(force)}
	plan := prior
	plan.Enabled = types.BoolValue(false)
	return b.refuseDisabling(ctx, prior, plan)
}
