package tfkit

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
)

// SplitID cuts an import ID at its slashes. forms are the forms it may have,
// for the error; the number of parts must be that of one of them, and none
// may be empty. PEM is none: its parts would be in messages.
func SplitID(diags *diag.Diagnostics, id string, forms ...string) []string {
	parts := strings.Split(id, "/")
	for _, form := range forms {
		if !pki.HoldsPEM(id) && len(parts) == strings.Count(form, "/")+1 && !slices.Contains(parts, "") {
			return parts
		}
	}
	diags.AddError("Invalid import ID", fmt.Sprintf("%s is not of the form %s.", Quote(id), strings.Join(forms, " or ")))
	return nil
}

// ImportIdentity reads the identity that an import is given in place of an ID.
func ImportIdentity(ctx context.Context, req resource.ImportStateRequest, identity any, diags *diag.Diagnostics) {
	diags.Append(req.Identity.Get(ctx, identity)...)
	if pki.HoldsPEM(req.Identity.Raw.String()) {
		diags.AddError("Invalid import ID", "The identity has PEM in it, which may be a private key and is not shown here. It consists of names.")
	}
}
