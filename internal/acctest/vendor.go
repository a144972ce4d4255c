package acctest

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
)

// vendorBinary is the name of the test binary in place of Kong's provider.
const vendorBinary = "terraform-provider-kong-mesh"

// Vendor makes resources of Kong's provider, kong/kong-mesh, available to the
// folder's configuration and state. This substitute has no control plane: its
// resources can be moved from and removed from the state, but it fails to
// create, change or destroy anything.
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

// Vendor returns a substitute for Kong's provider, for Serve.
func Vendor() Providers {
	return Providers{"kong-mesh": providerserver.NewProtocol6WithError(vendor{})}
}

// VendorState returns a state of Kong's provider: a mesh with mTLS, and the
// secrets of its CA's certificate and key.
func VendorState(t *testing.T) (state, chain, key string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "provider", "testdata", "kong-mesh.tfstate"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Resources []struct {
			Name      string
			Instances []struct {
				Attributes struct{ Data []byte }
			}
		}
	}
	if err := json.Unmarshal(content, &file); err != nil {
		t.Fatal(err)
	}
	data := map[string]string{}
	for _, resource := range file.Resources {
		data[resource.Name] = string(resource.Instances[0].Attributes.Data)
	}
	return string(content), data["cert"], data["key"]
}

// VendorObjects creates the objects in that state on the control plane, with
// this CA.
func (e *Env) VendorObjects(chain, key string) {
	e.t.Helper()
	mesh := map[string]any{
		"type": "Mesh", "name": "payments", "labels": map[string]any{"team": "payments"}, "skipCreatingInitialPolicies": []string{"*"},
		"networking":   map[string]any{"outbound": map[string]any{"passthrough": false}},
		"routing":      map[string]any{"localityAwareLoadBalancing": true},
		"meshServices": map[string]any{"mode": "Exclusive"},
		"logging": map[string]any{"defaultBackend": "file", "backends": []any{
			map[string]any{"name": "file", "type": "file", "conf": map[string]any{"path": "/var/log/access.log"}},
		}},
	}
	e.Must(http.MethodPut, "/meshes/payments", mesh)
	e.PutSecret("payments", "ca-1-cert", chain)
	e.PutSecret("payments", "ca-1-key", key)
	mesh["mtls"] = map[string]any{"enabledBackend": "ca-1", "backends": []any{map[string]any{
		"name": "ca-1", "type": "provided", "mode": "PERMISSIVE", "dpCert": map[string]any{"rotation": map[string]any{"expiration": "1d"}},
		"conf": map[string]any{"cert": map[string]any{"secret": "ca-1-cert"}, "key": map[string]any{"secret": "ca-1-key"}},
	}}}
	e.Must(http.MethodPut, "/meshes/payments", mesh)
}

type vendor struct{}

func (vendor) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "kong-mesh"
}

func (vendor) Schema(context.Context, provider.SchemaRequest, *provider.SchemaResponse) {}

func (vendor) Configure(context.Context, provider.ConfigureRequest, *provider.ConfigureResponse) {}

func (vendor) DataSources(context.Context) []func() datasource.DataSource { return nil }

func (vendor) Resources(context.Context) []func() resource.Resource {
	all := []func() resource.Resource{
		func() resource.Resource { return vendorResource{"_mesh", []string{"name"}} },
		func() resource.Resource { return vendorResource{"_mesh_secret", []string{"mesh", "name", "data"}} },
	}
	for _, policy := range []string{"_mesh_traffic_permission", "_mesh_timeout", "_mesh_retry", "_mesh_http_route", "_mesh_identity", "_mesh_trust"} {
		all = append(all, func() resource.Resource { return vendorResource{policy, []string{"type", "mesh", "name"}} })
	}
	return all
}

// vendorResource is a type of Kong's provider, with the necessary attributes:
// Terraform drops others from a state.
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
