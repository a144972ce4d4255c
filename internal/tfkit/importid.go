package tfkit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
)

// SplitID cuts an import ID at its slashes. forms are the forms it may have,
// for the error; the number of parts must be that of one of them, and none
// may be empty.
func SplitID(diags *diag.Diagnostics, id string, forms ...string) []string {
	parts := strings.Split(id, "/")
	for _, form := range forms {
		if len(parts) == strings.Count(form, "/")+1 && !slices.Contains(parts, "") {
			return parts
		}
	}
	diags.AddError("Invalid import ID", fmt.Sprintf("%q is not of the form %s.", id, strings.Join(forms, " or ")))
	return nil
}
