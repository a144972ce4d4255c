package tfkit

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

// Users are what uses secrets of a mesh: mTLS backends and MeshIdentities, by
// name.
type Users struct{ Backends, Identities []string }

// UsersOf returns what uses one of these secrets of a mesh. age is that of the
// identities.
func (d *ProviderData) UsersOf(ctx context.Context, mesh *kuma.Mesh, name string, age kuma.MaxAge, secrets ...string) (Users, error) {
	backends, err := mesh.Users(secrets...)
	if err != nil {
		return Users{}, err
	}
	identities, err := d.Client.IdentityUsers(ctx, name, age, secrets...)
	return Users{backends, identities}, err
}

// CurrentUsers is [ProviderData.UsersOf] for a mesh as it is now. If the mesh does
// not exist, or after an error, there are none.
func (d *ProviderData) CurrentUsers(ctx context.Context, name string, diags *diag.Diagnostics, secrets ...string) Users {
	mesh, err := d.Client.Mesh(ctx, name)
	if kuma.Absent(err) {
		return Users{}
	}
	var users Users
	if err == nil {
		users, err = d.UsersOf(ctx, mesh, name, kuma.Recent, secrets...)
	}
	if err != nil {
		AddError(diags, fmt.Sprintf("read mesh %q", name), err)
		return Users{}
	}
	return users
}

// Any reports whether there are any.
func (u Users) Any() bool { return len(u.Backends)+len(u.Identities) > 0 }

// String lists them for a sentence.
func (u Users) String() string {
	var all []string
	if len(u.Backends) > 0 {
		all = append(all, Backends(u.Backends))
	}
	if len(u.Identities) > 0 {
		all = append(all, kuma.MeshIdentityType+" "+Quote(u.Identities...))
	}
	return strings.Join(all, " and ")
}

// Reason returns why the secrets of a CA stay.
func (u Users) Reason() string {
	verb := "use"
	if len(u.Backends)+len(u.Identities) == 1 {
		verb = "uses"
	}
	return fmt.Sprintf("the %s %s them", u, verb)
}
