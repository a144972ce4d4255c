package tfkit

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

// WarnOrphaned warns about secrets that stay because their mesh was deleted
// first. ok is false for any other error.
func WarnOrphaned(diags *diag.Diagnostics, err error, names ...string) (ok bool) {
	var orphaned *kuma.OrphanedError
	if !errors.As(err, &orphaned) {
		return false
	}
	what, they := "secret", "it"
	if len(names) > 1 {
		what, they = "secrets", "them"
	}
	var commands strings.Builder
	for _, name := range names {
		fmt.Fprintf(&commands, "  kumactl delete secret %s --mesh %s\n", name, orphaned.Mesh)
	}
	diags.AddWarning("Secrets outlive their mesh", fmt.Sprintf(
		"Mesh %[1]q was deleted before the %[2]s %[3]s, and the control plane keeps %[4]s, a private key included: a new mesh of that name has %[4]s again. To delete what is left:\n\n"+
			"  printf 'type: Mesh\\nname: %[1]s\\n' | kumactl apply -f -\n%[5]s  kumactl delete mesh %[1]s\n\n"+
			"To let Terraform delete secrets before their mesh, refer to the mesh in the attribute mesh, as in `mesh = kongmesh_mesh.this.name`. A generated configuration has the name instead.",
		orphaned.Mesh, what, Quote(names...), they, commands.String()))
	return true
}

// LeftBehind reports whether a secret is older than its mesh. It then belonged
// to a deleted mesh of the same name. An absent secret counts as left behind.
func LeftBehind(secret *kuma.Secret, mesh *kuma.Mesh) bool {
	if secret == nil {
		return true
	}
	created, err := secret.CreationTime()
	meshCreated, errMesh := mesh.CreationTime()
	return err == nil && errMesh == nil && !created.IsZero() && created.Before(meshCreated)
}
