package acctest

import (
	"context"
	"os"
	"path/filepath"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
)

// vendorBinary is the name under which the test binary stands in for the
// vendor's own provider.
const vendorBinary = "terraform-provider-kong-mesh"

// Vendor lets the folder's configuration have resources of the vendor's own
// provider, kong/kong-mesh, and a state with such in it. What stands in for
// that provider has no control plane: it can be moved from and forgotten, and
// fails where it should make, change or destroy anything.
func (r *Run) Vendor() {
	r.t.Helper()
	binary, err := os.Executable()
	if err != nil {
		r.t.Fatal(err)
	}
	if err := os.Symlink(binary, filepath.Join(r.tools, vendorBinary)); err != nil {
		r.t.Fatal(err)
	}
}

type vendor struct{}

func (vendor) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "kong-mesh"
}

func (vendor) Schema(context.Context, provider.SchemaRequest, *provider.SchemaResponse) {}

func (vendor) Configure(context.Context, provider.ConfigureRequest, *provider.ConfigureResponse) {}

func (vendor) DataSources(context.Context) []func() datasource.DataSource { return nil }

func (vendor) Resources(context.Context) []func() resource.Resource {
	return []func() resource.Resource{
		func() resource.Resource { return vendorResource{"_mesh", []string{"name"}} },
		func() resource.Resource { return vendorResource{"_mesh_secret", []string{"mesh", "name", "data"}} },
	}
}

// vendorResource is a type of the vendor's, with as many of its attributes as
// need be: Terraform leaves out those that a schema does not have.
type vendorResource struct {
	name       string
	attributes []string
}

func (v vendorResource) Metadata(_ context.Context, req resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + v.name
}

func (v vendorResource) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema.Attributes = map[string]schema.Attribute{}
	for _, name := range v.attributes {
		resp.Schema.Attributes[name] = schema.StringAttribute{Required: true}
	}
}

func (vendorResource) Create(_ context.Context, _ resource.CreateRequest, resp *resource.CreateResponse) {
	resp.Diagnostics.AddError("The vendor's resource was created", "It should have been left alone.")
}

func (vendorResource) Read(context.Context, resource.ReadRequest, *resource.ReadResponse) {}

func (vendorResource) Update(_ context.Context, _ resource.UpdateRequest, resp *resource.UpdateResponse) {
	resp.Diagnostics.AddError("The vendor's resource was changed", "It should have been left alone.")
}

func (vendorResource) Delete(_ context.Context, _ resource.DeleteRequest, resp *resource.DeleteResponse) {
	resp.Diagnostics.AddError("The vendor's resource was destroyed", "It should have been left alone.")
}
