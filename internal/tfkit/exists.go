package tfkit

import (
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

// Existing is an object that a resource should create and that already exists.
type Existing struct {
	// At is the attribute with its name.
	At path.Path
	// What is the object at the beginning of a sentence, as in `Mesh
	// "default"`.
	What string
	// ResourceType and ID are for the import block.
	ResourceType, ID string
}

// RunName returns the name of the object in [Run].
func (e Existing) RunName() string { return e.ResourceType + "/" + e.ID }

// Add adds the error for the object. The provider cannot know if the resource
// already manages the object itself, so the error lists all four causes.
func (e Existing) Add(diags *diag.Diagnostics) {
	diags.AddAttributeError(e.At, "Exists already", fmt.Sprintf(
		"%[1]s already exists. In the following, replace NAME with the name of the resource.\n\n"+
			"If Terraform does not manage the object yet, add this block to import it, and apply again.\n\n"+
			"%[2]s\n"+
			"If this run replaces the object, do not import it. Terraform creates the new object before it deletes the "+
			"current one, and both have the same name. The cause is create_before_destroy in this resource, or in a resource "+
			"that refers to it. Delete the current object first with `terraform destroy -target=%[3]s.NAME`, and apply "+
			"again. This also deletes the resources that refer to it.\n\n"+
			"If it has another address in the state, because you renamed the resource or changed its key in count or for_each, add a block "+
			"that moves it, and apply again.\n\n"+
			"moved {\n  from = %[3]s.OLD\n  to   = %[3]s.NAME\n}\n\n"+
			"If the plan shows the resource as tainted, an interrupted run created the object. Keep it with `terraform untaint %[3]s.NAME`, and apply again.",
		e.What, ImportBlock(e.ResourceType, e.ID), e.ResourceType))
}

// CanCreate reports whether a run can create an object. It adds an error if the
// object exists according to read, or if another resource of the run creates it.
func (d *ProviderData) CanCreate(object Existing, task string, read func() error, diags *diag.Diagnostics) bool {
	if !d.Run.Begin(object.RunName()) {
		object.AddTwice(diags)
		return false
	}
	err := read()
	switch {
	case err == nil:
		object.Add(diags)
	case !kuma.Absent(err):
		AddError(diags, task, err)
	}
	return kuma.Absent(err)
}

// AddTwice adds the error for an object that another resource creates in the
// same run.
func (e Existing) AddTwice(diags *diag.Diagnostics) {
	diags.AddAttributeError(e.At, "Exists already", fmt.Sprintf(
		"Another resource of this configuration also creates %s. Each of them would undo the changes of the other one, "+
			"and deleting one would delete the object of both. Remove one of them, or use another name.", e.What))
}
