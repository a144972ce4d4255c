package tfkit

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
)

// SplitID splits an import ID at its slashes. forms are the accepted forms;
// each part of a form is the name of its attribute. It checks the name of a
// mesh. With an error, which shows the correct form, it returns nil. It does
// not quote a possible private key, because later messages would contain its
// parts.
func SplitID(diags *diag.Diagnostics, id string, forms ...string) []string {
	parts := strings.Split(id, "/")
	if !pki.MayHoldKey(id) && fits(parts, forms) {
		return parts
	}
	advice := ""
	if others := strings.FieldsFunc(id, isSeparator); !pki.MayHoldKey(id) && fits(others, forms) && len(others) > 1 {
		advice = fmt.Sprintf(" Separate the parts with slashes: %s.", Quote(strings.Join(others, "/")))
	}
	diags.AddError("Invalid import ID", fmt.Sprintf("%s does not have the form %s.%s", Quote(id), strings.Join(forms, " or "), advice))
	return nil
}

// fits reports whether parts match one of the forms.
func fits(parts, forms []string) bool {
	return slices.ContainsFunc(forms, func(form string) bool {
		names := strings.Split(form, "/")
		if len(names) != len(parts) {
			return false
		}
		for i, name := range names {
			if checkPart(name, parts[i]) != nil {
				return false
			}
		}
		return true
	})
}

// checkPart checks a value of an import ID or an identity for the attribute
// with this name. In a URL, a slash would lead to another object.
func checkPart(name, value string) error {
	switch {
	case value == "":
		return errors.New("it is empty")
	case strings.Contains(value, "/"):
		return errors.New("it contains a slash")
	case name == "mesh":
		return kuma.CheckMeshReference(value)
	}
	return nil
}

// isSeparator reports whether users write this character between the parts of
// an ID.
func isSeparator(r rune) bool { return strings.ContainsRune("/,;:|\\ \t", r) }
