package tfkit

import (
	"context"
	"fmt"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

// ProviderData is what the provider hands to its resources and data sources.
type ProviderData struct {
	// Client is nil while the provider's configuration is not known, which can
	// only be while planning.
	Client *kuma.Client
	// Clock is the time, for rules about dates.
	Clock kuma.Clock
	// Claims are of this run of the provider.
	Claims *Claims
}

// Resource is embedded by every resource.
type Resource struct {
	ProviderData
}

// Configure takes over what the provider has set up.
func (r *Resource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.take(req.ProviderData, &resp.Diagnostics)
}

func (r *Resource) take(data any, diags *diag.Diagnostics) {
	if data == nil { // Terraform validates before it configures
		return
	}
	known, ok := data.(*ProviderData)
	if !ok {
		diags.AddError("Unexpected provider data", fmt.Sprintf("The provider handed over a %T. This is a bug of the provider.", data))
		return
	}
	r.ProviderData = *known
}

// Ready tells whether requests can be made, and adds an error if not. For
// applying alone: a plan goes on without requests.
func (r *Resource) Ready(diags *diag.Diagnostics) bool {
	if r.Client != nil {
		return true
	}
	diags.AddError("Provider configuration is not known",
		"A value in the provider block is still unknown, so there is no control plane to talk to. "+
			"It must be known when changes are applied: apply what it comes from first, with -target, or set it by a variable.")
	return false
}

// Claims are the objects that this run created. One that is deleted later in
// the same run is the predecessor that a replacement with create_before_destroy
// has, under the same name: it is the object that was just created, and stays.
// Safe for concurrent use.
type Claims struct {
	names sync.Map
}

// Take notes that an object was created.
func (c *Claims) Take(name string) { c.names.Store(name, true) }

// Release tells, once, whether an object was created.
func (c *Claims) Release(name string) bool {
	_, taken := c.names.LoadAndDelete(name)
	return taken
}
