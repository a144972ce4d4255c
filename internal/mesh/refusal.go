package mesh

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// addWriteError puts what a write of the mesh failed on where it belongs. sent
// is the document that was written last.
func addWriteError(diags *diag.Diagnostics, task string, plan model, sent *kuma.Mesh, err error) {
	var (
		refusal *kuma.Error
		dropped *kuma.DroppedError
	)
	switch {
	case errors.As(err, &dropped) && len(dropped.Fields) > 0:
		for _, field := range dropped.Fields {
			at := plan.attributeOf(field, sent)
			diags.AddAttributeError(at, "Control plane dropped the change", fmt.Sprintf(
				"Could not %s: the control plane accepted %s, but it is not in what it gives back. This version does not have it: "+
					"take %s out of the configuration. Kuma 3 has policies in place of most parts of a mesh.", task, field, at))
		}
	case errors.As(err, &refusal) && refusal.Refused() && len(refusal.Parameters) > 0:
		for _, parameter := range refusal.Parameters {
			at := plan.attributeOf(parameter.Field, sent)
			diags.AddAttributeError(at, "Control plane refused", fmt.Sprintf(
				"Could not %s. The control plane says of %s: %s.%s", task, parameter.Field, parameter.Reason, advice(at)))
		}
	default:
		tfkit.AddError(diags, task, err)
	}
}

// advice says which attribute a refusal is about where Terraform does not show it.
func advice(at path.Path) string {
	if len(at.Steps()) > 1 {
		return "\n\nIt comes from the attribute " + at.String() + "."
	}
	return ""
}

// A field of a refusal is cut at its dots and brackets: a member, `[0]` or `["key"]`.
var fieldStep = regexp.MustCompile(`\["(.*?)"\]|\[(\d+)\]|([^.\[\]]+)`)

// attributeOf finds the attribute that a field of the document comes from, or
// the nearest there is to it.
func (m model) attributeOf(field string, sent *kuma.Mesh) path.Path {
	steps := fieldStep.FindAllStringSubmatch(field, -1)
	name := path.Root("name")
	if len(steps) == 0 {
		return name
	}
	switch first := steps[0][3]; first {
	case "labels":
		if len(steps) > 1 && steps[1][1] != "" {
			return path.Root("labels").AtMapKey(steps[1][1])
		}
		return path.Root("labels")
	case "skipCreatingInitialPolicies":
		return path.Root("skip_creating_initial_policies")
	case "mtls": // that a section needs it: nothing else of it is written here
		return path.Root("routing").AtName("zone_egress")
	default:
		for _, p := range sections() {
			if p.member == first {
				return p.attributeOf(path.Root(p.name), steps[1:], sent.Document, *m.sections()[p.name])
			}
		}
		return name
	}
}

// attributeOf follows a field below a part, which is at an attribute.
func (p part) attributeOf(at path.Path, steps [][]string, document *kuma.Document, value attr.Value) path.Path {
	if len(steps) == 0 {
		return at
	}
	switch p.kind {
	case tags:
		if steps[0][1] != "" {
			return at.AtMapKey(steps[0][1])
		}
	case object:
		if inner, err := document.Object(p.member); err == nil {
			return p.below(at, steps, inner, value)
		}
	case list:
		index, err := strconv.Atoi(steps[0][2])
		if err != nil {
			return at
		}
		// An index counts the backends of others too, and their order may be another.
		items, err := document.Items(p.member)
		if err != nil || index >= len(items) {
			return at
		}
		name, err := p.nameOf(items[index], index)
		if err != nil {
			return at
		}
		position := p.indexOf(elementsOf(value), name)
		if ours, err := p.owns(items[index]); err != nil || !ours || position < 0 {
			return at
		}
		return p.below(at.AtListIndex(position), steps[1:], items[index], elementsOf(value)[position])
	}
	return at
}

// below follows a field within an object or item.
func (p part) below(at path.Path, steps [][]string, document *kuma.Document, value attr.Value) path.Path {
	if len(steps) == 0 {
		return at
	}
	member := steps[0][3]
	inner := attributesOf(value)
	for _, child := range p.parts {
		if child.member == member {
			return child.attributeOf(at.AtName(child.name), steps[1:], document, inner[child.name])
		}
	}
	is, err := typeOf(document)
	if err != nil || !slices.Contains([]string{"conf", "config", "type"}, member) {
		return at
	}
	for _, t := range p.types {
		if t.name == is {
			return t.attributeOf(at.AtName(t.name), steps[1:], document, inner[t.name])
		}
	}
	return at
}
