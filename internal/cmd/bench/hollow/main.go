// Command hollow is the provider with empty resources: it has their schemas, but no rules, sends no requests to the
// control plane, and invents values instead of reading them. With it, `make bench` measures what the framework and
// Terraform need for the attributes themselves.
package main

import (
	"context"
	"log"

	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	kongmesh "github.com/kongmesh/terraform-provider-kongmesh/internal/provider"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/serve"
)

func main() {
	create := kongmesh.New("hollow", kongmesh.Options{})
	err := serve.Provider("registry.terraform.io/bench/hollow", func() provider.Provider { return hollow{create()} }, false)
	if err != nil {
		log.Fatal(err)
	}
}

type hollow struct{ provider.Provider }

func (hollow) Configure(context.Context, provider.ConfigureRequest, *provider.ConfigureResponse) {}

func (h hollow) Resources(ctx context.Context) []func() resource.Resource {
	var all []func() resource.Resource
	for _, create := range h.Provider.Resources(ctx) {
		all = append(all, func() resource.Resource { return managed{create()} })
	}
	return all
}

// managed has the schema of a resource, with its validators and plan modifiers, and nothing else.
type managed struct{ of resource.Resource }

func (m managed) Metadata(ctx context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	m.of.Metadata(ctx, req, resp)
}

func (m managed) Schema(ctx context.Context, req resource.SchemaRequest, resp *resource.SchemaResponse) {
	m.of.Schema(ctx, req, resp)
}

func (managed) Create(_ context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	resp.State.Raw = known(req.Plan.Raw)
}

func (managed) Read(context.Context, resource.ReadRequest, *resource.ReadResponse) {}

func (managed) Update(_ context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	resp.State.Raw = known(req.Plan.Raw)
}

func (managed) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {}

// known returns a known value instead of an unknown one: a string that is a valid name, or null.
func known(planned tftypes.Value) tftypes.Value {
	value, err := tftypes.Transform(planned, func(_ *tftypes.AttributePath, v tftypes.Value) (tftypes.Value, error) {
		switch {
		case v.IsKnown():
			return v, nil
		case v.Type().Is(tftypes.String):
			return tftypes.NewValue(tftypes.String, "made-up"), nil
		}
		return tftypes.NewValue(v.Type(), nil), nil
	})
	if err != nil {
		panic(err) // it does not change the type
	}
	return value
}
