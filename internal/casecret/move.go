package casecret

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// MoveState migrates the state of Kong's resource for the certificate secret.
// That state does not say which secret has the key; the read that follows finds
// it.
func (r *caSecret) MoveState(context.Context) []resource.StateMover {
	return []resource.StateMover{tfkit.MoveFromVendor("kong-mesh_mesh_secret", func(ctx context.Context, source tfkit.VendorSecret, resp *resource.MoveStateResponse) {
		if _, ok := readBundle(source.Data); !ok {
			resp.Diagnostics.AddError("Not a certificate chain secret", notTheChain(source))
			return
		}
		for name, value := range map[string]string{"mesh": source.Mesh, "certificate_secret": source.Name} {
			resp.Diagnostics.Append(resp.TargetState.SetAttribute(ctx, path.Root(name), value)...)
		}
		resp.TargetIdentity = nil // not completely known
	})}
}

// notTheChain reports why a secret cannot be moved. It does not quote the
// content.
func notTheChain(source tfkit.VendorSecret) string {
	if publicKeyOf(source.Data).IsNull() {
		return fmt.Sprintf("Secret %q of mesh %q contains neither the certificates nor the key of a CA. Move it to a kongmesh_mesh_secret "+
			"instead of a kongmesh_mesh_ca_secret.", source.Name, source.Mesh)
	}
	return fmt.Sprintf("Secret %q of mesh %q contains a private key. kongmesh_mesh_ca_secret manages the certificates and the key "+
		"together. Move the resource of the certificates to it, and remove the resource of the key from the state with "+
		"this block. Replace the address with the address of the resource:\n\n"+
		"removed {\n"+
		"  from = kong-mesh_mesh_secret.key\n\n"+
		"  lifecycle {\n"+
		"    destroy = false\n"+
		"  }\n"+
		"}\n", source.Name, source.Mesh)
}

// findKey finds the secret with the key of a moved certificate secret: the one
// whose key fits, or, of several, the one that a backend uses.
func (r *caSecret) findKey(ctx context.Context, state model, diags *diag.Diagnostics) model {
	if !r.Ready(diags) {
		return state
	}
	mesh, certificate := state.Mesh.ValueString(), state.CertificateSecret.ValueString()
	keys, err := r.keysOf(ctx, mesh, certificate)
	used := keys
	if err == nil && len(keys) > 1 {
		used, err = r.inBackends(ctx, mesh, certificate, keys)
	}
	switch {
	case err != nil && !kuma.Absent(err):
		tfkit.AddError(diags, fmt.Sprintf("find the key of certificate secret %q of mesh %q", certificate, mesh), err)
	case len(used) != 1:
		diags.AddError("Key secret not found", fmt.Sprintf(
			"Mesh %q has %d secrets with the private key of the CA in secret %q, so the provider cannot choose one.\n\n"+
				"Remove the moved block, remove the resources of kong/kong-mesh from the state with removed blocks that have "+
				"`destroy = false`, and import the CA as %s/%s/<key secret>.", mesh, len(keys), certificate, mesh, certificate))
	default:
		return state.of(identity{state.Mesh, state.CertificateSecret, types.StringValue(used[0])})
	}
	return state
}

// keysOf returns the names of the secrets with the key of a certificate
// secret's CA.
func (r *caSecret) keysOf(ctx context.Context, mesh, certificate string) ([]string, error) {
	secrets, err := r.Client.Secrets(ctx, mesh)
	if err != nil {
		return nil, err
	}
	b, ok := readBundle(dataOf(secrets[certificate]))
	if !ok {
		return nil, nil
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(secrets)), func(name string) bool { return !hasKeyOf(secrets[name], b) }), nil
}

// inBackends returns those of the keys that a backend uses with the
// certificate.
func (r *caSecret) inBackends(ctx context.Context, mesh, certificate string, keys []string) ([]string, error) {
	document, err := r.Client.Mesh(ctx, mesh)
	if err != nil {
		return nil, err
	}
	backends, err := document.Backends()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(keys), func(key string) bool {
		return !slices.ContainsFunc(backends, func(b kuma.Backend) bool { return b.Cert.Secret == certificate && b.Key.Secret == key })
	}), nil
}

// addNotRead adds the error for a plan that has not read the moved secret.
func addNotRead(diags *diag.Diagnostics) {
	diags.AddError("Moved resource not read", "The CA was moved from another type of resource, and the provider has not read it yet. Run the plan without "+
		"-refresh=false.")
}
