package tfkit_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// What to do about an unknown provider configuration depends on when Terraform asks.
func TestReady_unknownConfiguration(t *testing.T) {
	t.Parallel()
	var (
		r    tfkit.Resource
		d    tfkit.DataSource
		e    tfkit.EphemeralResource
		data = &tfkit.ProviderData{}
	)
	r.Configure(t.Context(), resource.ConfigureRequest{ProviderData: data}, &resource.ConfigureResponse{})
	d.Configure(t.Context(), datasource.ConfigureRequest{ProviderData: data}, &datasource.ConfigureResponse{})
	e.Configure(t.Context(), ephemeral.ConfigureRequest{ProviderData: data}, &ephemeral.ConfigureResponse{})
	for want, ready := range map[string]func(*diag.Diagnostics) bool{
		"needs it to apply changes": r.Ready,
		"reads this during apply":   d.Ready,
		"In an ephemeral resource":  e.Ready,
	} {
		var diags diag.Diagnostics
		if ready(&diags) || len(diags) != 1 || !strings.Contains(diags[0].Detail(), want) {
			t.Errorf("%q is not what %v says", want, diags)
		}
	}
}
