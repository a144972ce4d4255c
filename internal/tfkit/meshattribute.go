package tfkit

import (
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

// MeshAttribute returns the attribute `mesh` of a resource that manages an
// object of a mesh. more is appended to its description.
func MeshAttribute(more string) schema.StringAttribute {
	return schema.StringAttribute{
		MarkdownDescription: "Name of the mesh. It must exist." + more,
		Required:            true,
		Validators:          []validator.String{MeshReference()},
		PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
	}
}
