package provider_test

import (
	"slices"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
)

// unknownAddress is a configuration of the provider with a value that Terraform
// knows only after apply.
var unknownAddress = map[string]any{"address": tftypes.UnknownValue}

const unknownConfiguration = "Provider configuration is unknown"

// online and offline are arguments with which a data source needs the control plane, and needs none. Without any, it
// always needs it.
var online, offline = map[string]map[string]any{
	"kongmesh_ca_chain":          {"mesh": "m", "backend": "b"},
	"kongmesh_proxy_certificate": {"mesh": "m", "services": []any{"s"}, "backend": "b"},
}, map[string]map[string]any{
	"kongmesh_ca_chain":          {"content": "-"},
	"kongmesh_proxy_certificate": {"mesh": "m", "services": []any{"s"}, "ca": map[string]any{"certificate_chain": "-", "private_key": "-"}},
}

// While the provider's configuration is unknown, Terraform reads data sources and existing objects in a later run if
// it can. Otherwise, a data source fails and an object stays as it is in the state.
func TestDeferral(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	for _, allowed := range []bool{true, false} {
		provider := env.ProtocolWith(unknownAddress, allowed)
		check := func(kind string, deferred *tfprotov6.Deferred, problems []*tfprotov6.Diagnostic, want string) {
			t.Helper()
			if allowed && (deferred == nil || deferred.Reason != tfprotov6.DeferredReasonProviderConfigUnknown || len(problems) > 0) {
				t.Errorf("%s is not read in a later run: %v %v", kind, deferred, problems)
			}
			if !allowed && (deferred != nil || len(problems) > 0 != (want != "") || want != "" && problems[0].Summary != want) {
				t.Errorf("%s: %v %v, where Terraform has no later run", kind, deferred, problems)
			}
		}
		for kind, schema := range provider.Schemas.DataSourceSchemas {
			read := func(config map[string]any) *tfprotov6.ReadDataSourceResponse {
				response, err := provider.ReadDataSource(t.Context(), &tfprotov6.ReadDataSourceRequest{
					TypeName: kind, Config: provider.Value(schema.ValueType(), config),
					ClientCapabilities: &tfprotov6.ReadDataSourceClientCapabilities{DeferralAllowed: allowed},
				})
				if err != nil {
					t.Fatal(err)
				}
				return response
			}
			response := read(online[kind])
			check("data source "+kind, response.Deferred, response.Diagnostics, unknownConfiguration)
			if offline[kind] == nil {
				continue
			}
			response = read(offline[kind])
			if response.Deferred != nil || slices.ContainsFunc(response.Diagnostics, func(d *tfprotov6.Diagnostic) bool { return d.Summary == unknownConfiguration }) {
				t.Errorf("data source %s waits for a control plane that it does not need", kind)
			}
		}
		for kind, schema := range provider.Schemas.ResourceSchemas {
			state := map[string]any{"name": "n"}
			if kind == "kongmesh_mesh_ca_secret" {
				state = map[string]any{"mesh": "m", "certificate_secret": "c", "key_secret": "k"}
			}
			response, err := provider.ReadResource(t.Context(), &tfprotov6.ReadResourceRequest{
				TypeName: kind, CurrentState: provider.Value(schema.ValueType(), state),
				ClientCapabilities: &tfprotov6.ReadResourceClientCapabilities{DeferralAllowed: allowed},
			})
			if err != nil {
				t.Fatal(err)
			}
			check(kind, response.Deferred, response.Diagnostics, "")
		}
	}
}

// A new object needs nothing from the control plane during plan: it is in the plan of the first run.
func TestDeferral_new(t *testing.T) {
	t.Parallel()
	provider := acctest.New(t).ProtocolWith(unknownAddress, true)
	of := provider.Schemas.ResourceSchemas["kongmesh_mesh"].ValueType()
	none, err := tfprotov6.NewDynamicValue(of, tftypes.NewValue(of, nil))
	if err != nil {
		t.Fatal(err)
	}
	value := provider.Value(of, map[string]any{"name": "new"})
	response, err := provider.PlanResourceChange(t.Context(), &tfprotov6.PlanResourceChangeRequest{
		TypeName: "kongmesh_mesh", Config: value, PriorState: &none, ProposedNewState: value,
		ClientCapabilities: &tfprotov6.PlanResourceChangeClientCapabilities{DeferralAllowed: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	provider.NoProblems(response.Diagnostics)
	if response.Deferred != nil {
		t.Errorf("it is planned in a later run: %v", response.Deferred)
	}
}
