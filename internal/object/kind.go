// Package object is the base of the resource, the query and the data source for
// one type of document of a mesh, which a table of parts describes.
package object

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/part"
)

// A Kind describes a type of document.
type Kind struct {
	Noun  string // for descriptions, as in "identity"
	Key   func(mesh, name string) kuma.ObjectKey
	Parts func() part.Parts
	// Supported checks whether the control plane has the type. nil means that
	// each version has it.
	Supported func(*kuma.Client, context.Context) error
}

func (k Kind) check(ctx context.Context, client *kuma.Client) error {
	if k.Supported == nil {
		return nil
	}
	return k.Supported(client, ctx)
}

// An Envelope has the attributes of each object.
type Envelope struct {
	Mesh   types.String `tfsdk:"mesh"`
	Name   types.String `tfsdk:"name"`
	Labels types.Map    `tfsdk:"labels"`
}

// An Identifier is the identity of a resource.
type Identifier struct {
	Mesh types.String `tfsdk:"mesh"`
	Name types.String `tfsdk:"name"`
}

// Identifier returns the identity.
func (e Envelope) Identifier() Identifier { return Identifier{e.Mesh, e.Name} }

// HasKnownNames reports whether the mesh and the name are known.
func (e Envelope) HasKnownNames() bool { return !e.Mesh.IsUnknown() && !e.Name.IsUnknown() }

// Of returns the key of an object.
func (k Kind) Of(e Envelope) kuma.ObjectKey {
	return k.Key(e.Mesh.ValueString(), e.Name.ValueString())
}

// What names an object in messages.
func (k Kind) What(e Envelope) string { return Describe(k.Of(e)) }

// Describe names an object in messages.
func Describe(of kuma.ObjectKey) string {
	return fmt.Sprintf("%s %q of mesh %q", of.Type.Name, of.Name, of.Mesh)
}
