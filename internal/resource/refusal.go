package resource

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// attributeOf returns the attribute for a path of the control plane in the
// document.
func (m *model) attributeOf(field string) path.Path {
	_, at, old := m.content()
	steps := tfkit.NewFieldSteps(field)
	for i := range steps {
		name := cmp.Or(steps[i:].Key(), steps[i:].Member())
		switch index, isIndex := steps[i:].Index(); {
		case i == 0 && slices.Contains([]string{"labels", "name", "mesh", "type"}, name):
			at = path.Root(name)
			if name != "labels" {
				return at
			}
		case i == 0 && !old && name == specMember:
		case isIndex:
			at = at.AtListIndex(index)
		case at.Equal(path.Root("labels")):
			return at.AtMapKey(name)
		default:
			at = at.AtName(name)
		}
	}
	return at
}

// try asks the control plane on Kubernetes whether it accepts the planned object.
func (r *anyResource) try(ctx context.Context, of kuma.ObjectKey, plan, state model, diags *diag.Diagnostics) {
	err := r.Client.TryObject(ctx, of, func(document *kuma.Document) error { return plan.edit(document, state) })
	plan.addWriteError(of.Type, "plan "+plan.String(), err, diags)
}

// addWriteError adds the problems of a failed write to the attributes that
// caused them.
func (m *model) addWriteError(t kuma.Type, task string, err error, diags *diag.Diagnostics) {
	var refusal *kuma.Error
	switch {
	case kuma.Absent(err) && t.InMesh():
		tfkit.AddMeshAbsent(diags, m.Mesh.ValueString())
	case tfkit.AddRefused(diags, task, err, func(field string) (path.Path, string) { return m.attributeOf(field), m.quoted(field) }):
	case errors.As(err, &refusal) && refusal.Refused() && !refusal.Foreign():
		_, content, _ := m.content()
		diags.AddAttributeError(content, "Control plane rejected the change", fmt.Sprintf(
			"Could not %s. The control plane answered: %s.\n\nIt does not say which value it cannot read. Durations have Go's "+
				"units: ns, us, ms, s, m and h, as in `36h`.", task, refusal.Detail))
	default:
		tfkit.AddError(diags, task, err)
	}
}

// quoted returns the end of a message with the value at a path, unless the
// value is an object, or may be secret.
func (m *model) quoted(field string) string {
	lower := strings.ToLower(field)
	for _, hidden := range []string{"inline", "secret", "password", "token", "data", "key", "header"} {
		if strings.Contains(lower, hidden) {
			return ""
		}
	}
	value, _, old := m.content()
	at, _ := jsonOf(*value)
	steps := tfkit.NewFieldSteps(field)
	for i := range steps {
		if i == 0 && !old {
			continue // spec itself
		}
		switch v := at.(type) {
		case map[string]any:
			at = v[cmp.Or(steps[i:].Key(), steps[i:].Member())]
		case []any:
			index, isIndex := steps[i:].Index()
			if !isIndex || index >= len(v) {
				return ""
			}
			at = v[index]
		}
	}
	switch v := at.(type) {
	case string:
		return fmt.Sprintf(" The value is %s.", tfkit.Quote(v))
	case bool, json.Number:
		return fmt.Sprintf(" The value is %v.", v)
	}
	return ""
}

// addDifferences adds the errors for values that the control plane did not
// store.
func (r *anyResource) addDifferences(ctx context.Context, m model, at path.Path, found []difference, diags *diag.Diagnostics) {
	var dropped []string
	for _, d := range found {
		if d.has == nil {
			dropped = append(dropped, d.path)
			continue
		}
		diags.AddAttributeError(at, "Control plane changed the document", fmt.Sprintf(
			"The control plane at version %s accepted %s, but has another value at %s. Set it to the value that "+
				"`terraform plan` shows, or check whether another client changes the resource.", r.Client.Version(ctx), m, d.path))
	}
	if len(dropped) > 0 {
		diags.AddAttributeError(at, "Control plane dropped part of the document", fmt.Sprintf(
			"The control plane at version %s accepted %s, but does not have these parts of it:\n\n  %s\n\n"+
				"This version does not know them, and dropped them without an error, so the resource does not do what the "+
				"configuration says. Check the spelling, and the documentation of this version. The object exists without "+
				"these parts: remove them from the configuration, or replace them, and apply again.",
			r.Client.Version(ctx), m, strings.Join(dropped, "\n  ")))
	}
}

// quotedName matches a name in a string of the control plane.
var quotedName = regexp.MustCompile(`'([A-Za-z][A-Za-z0-9.]*)'|\b([a-z][A-Za-z0-9]*(?:\.[a-z][A-Za-z0-9]*)+)\b`)

// addWarnings adds the control plane's warnings about a write, each once in a
// run, to the attributes that they name. Terraform shows one of several warnings
// with the same summary, so the summary says what the warning is about.
func (m *model) addWarnings(run *tfkit.Run, warnings []string, diags *diag.Diagnostics) {
	for _, warning := range warnings {
		if !run.Note("warning about " + m.key() + ": " + warning) {
			continue
		}
		at := m.warnedAbout(warning)
		subject := m.Type.ValueString() + ": " + at.String()
		diags.AddAttributeWarning(at, "Control plane warns of "+subject, fmt.Sprintf(
			"The control plane accepted %s, and warns: %s", m, warning))
	}
}

// warnedAbout returns the attribute that a warning names, otherwise that of the
// content.
func (m *model) warnedAbout(warning string) path.Path {
	value, content, old := m.content()
	decoded, _ := jsonOf(*value)
	for _, match := range quotedName.FindAllStringSubmatch(warning, -1) {
		name := strings.Split(strings.TrimPrefix(match[1]+match[2], "spec."), ".")
		if field := find(specMember, decoded, name); field != "" {
			if old {
				field = strings.TrimPrefix(field, specMember+".")
			}
			return m.attributeOf(field)
		}
	}
	return content
}

// find returns the path of the first member with these nested names, or "" if
// there is none.
func find(at string, decoded any, names []string) string {
	switch v := decoded.(type) {
	case map[string]any:
		if value, ok := v[names[0]]; ok {
			if len(names) == 1 {
				return member(at, names[0])
			}
			if below, ok := value.(map[string]any); ok && below[names[1]] != nil {
				return find(member(at, names[0]), below, names[1:])
			}
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if found := find(member(at, name), v[name], names); found != "" {
				return found
			}
		}
	case []any:
		for i := range v {
			if found := find(fmt.Sprintf("%s[%d]", at, i), v[i], names); found != "" {
				return found
			}
		}
	}
	return ""
}
