package resource

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// specMember is the member with the content of a document, in all types except
// the old ones.
const specMember = "spec"

// envelope returns the members that every document may have besides its
// content.
func envelope() []string {
	return []string{"type", "mesh", "name", "labels", "creationTime", "modificationTime", "kri", "status", "snis", specMember}
}

// String returns the name of the object for messages.
func (m model) String() string {
	if m.Mesh.IsNull() {
		return fmt.Sprintf("%s %q", m.Type.ValueString(), m.Name.ValueString())
	}
	return fmt.Sprintf("%s %q of mesh %q", m.Type.ValueString(), m.Name.ValueString(), m.Mesh.ValueString())
}

func (m model) identity() identity { return identity{m.Type, m.Mesh, m.Name} }

// key returns the import ID.
func (m model) key() string {
	if m.Mesh.IsNull() {
		return m.Type.ValueString() + "/" + m.Name.ValueString()
	}
	return m.Type.ValueString() + "/" + m.Mesh.ValueString() + "/" + m.Name.ValueString()
}

// existing returns the object for the error that it already exists.
func (m model) existing() tfkit.Existing {
	return tfkit.Existing{At: path.Root("name"), What: m.String(), ResourceType: "kongmesh_resource", ID: m.key()}
}

// permitsTraffic reports whether the object may be a permission without which a
// mesh with mTLS denies every request.
func (m model) permitsTraffic() bool {
	return slices.Contains(kuma.PermissionTypes(), m.Type.ValueString())
}

// content returns the attribute with the content of the document, and its path:
// spec, or the fields of an old type.
func (m *model) content() (value *types.Dynamic, at path.Path, old bool) {
	if m.Spec.IsNull() && !m.Fields.IsNull() {
		return &m.Fields, path.Root("fields"), true
	}
	return &m.Spec, path.Root(specMember), false
}

// checkContent adds an error for content that cannot be that of a document.
func (m *model) checkContent(diags *diag.Diagnostics) {
	value, at, old := m.content()
	if value.IsUnknown() || value.IsUnderlyingValueUnknown() || value.IsNull() {
		return
	}
	members, ok := membersOf(value.UnderlyingValue())
	decoded, _ := jsonOf(*value)
	key, hasKey := privateKey(at.String(), decoded)
	switch {
	case hasKey:
		diags.AddAttributeError(at, "Private key in configuration", fmt.Sprintf(
			"%s is a private key. Terraform would show it in plans and store it in the state. Upload the key with kongmesh_mesh_secret, whose "+
				"value_wo is write-only, and refer to that secret here.", key))
	case !ok:
		diags.AddAttributeError(at, "Content is not an object", fmt.Sprintf(
			"%s must be an object, such as `{ targetRef = { kind = \"Mesh\" } }`. For text in YAML, use `yamldecode`.", at))
	case members[specMember] != nil && (members["kind"] != nil || !old && members["type"] != nil):
		diags.AddAttributeError(at, "Whole document in spec", fmt.Sprintf(
			"%[1]s contains a whole document of kumactl or Kubernetes. Set it to the member spec of the document, as in "+
				"`yamldecode(file(\"policy.yaml\")).spec`, and set type, mesh, name and labels of the resource.", at))
	case old:
		for _, name := range envelope() {
			if value := members[name]; value != nil && !value.IsNull() {
				diags.AddAttributeError(at.AtName(name), "Member has its own attribute", fmt.Sprintf(
					"fields contains %[1]q, which is not a part of the content. Remove it from fields%[2]s.", name, ownAttribute(name)))
			}
		}
	}
}

// addKeyInside adds an error if a document to import contains a private key, and
// reports whether it did: without the key, the next change would remove it.
func (m model) addKeyInside(document *kuma.Document, diags *diag.Diagnostics) bool {
	decoded, err := decodeJSON(document.Bytes())
	key, found := privateKey("document", decoded)
	if err != nil || !found {
		return false // the read reports an error
	}
	diags.AddError("Private key in resource", fmt.Sprintf(
		"%s cannot be imported, because %s is a private key: Terraform would store it in the state. Upload the key with kongmesh_mesh_secret, "+
			"change the resource on the control plane so that it refers to that secret, and import it again.", m, key))
	return true
}

// ownAttribute returns the attribute of a member of the envelope, if there is
// one.
func ownAttribute(name string) string {
	if slices.Contains([]string{"type", "mesh", "name", "labels", specMember}, name) {
		return ", and use the attribute " + name
	}
	return ": the control plane sets it"
}

// keepEquivalent plans the value in the state if the configuration is only
// another spelling of it. It reports whether it changed the plan.
func (m *model) keepEquivalent(state model) (changed bool) {
	value, _, old := m.content()
	before, _, wasOld := state.content()
	if old != wasOld || value.Equal(*before) {
		return false
	}
	wanted, known := jsonOf(*value)
	has, _ := jsonOf(*before)
	if !known || !sameDocument(wanted, has, "", old) {
		return false
	}
	*value = *before
	return true
}

// write writes the planned object, and compares the stored object with what was
// sent. written reports whether there is a state to keep, which is what the
// control plane has.
func (r *anyResource) write(ctx context.Context, of kuma.ObjectKey, current *kuma.Document, plan, prior model, diags *diag.Diagnostics) (state model, written bool) {
	document, warnings, err := r.Client.WriteObject(ctx, of, current, func(document *kuma.Document) error { return plan.edit(document, prior) })
	plan.addWarnings(r.Run, warnings, diags)
	plan.addWriteError(of.Type, "write "+plan.String(), err, diags)
	if document == nil {
		return plan, false
	}
	if err != nil { // not read back
		return plan, true
	}
	state, err = stateFrom(ctx, document, plan)
	if err != nil {
		tfkit.AddUnreadable(diags, plan.String(), err)
		return plan, true
	}
	value, at, old := plan.content()
	sent, _ := jsonOf(*value)
	has, err := contentOf(document, old)
	if err != nil {
		tfkit.AddUnreadable(diags, plan.String(), err)
		return plan, true
	}
	r.addDifferences(ctx, plan, at, differences(at.String(), sent, has, old), diags)
	for _, name := range slices.Sorted(maps.Keys(stringMap(plan.Labels))) {
		if now, ok := stringMap(state.Labels)[name]; !ok || now != stringMap(plan.Labels)[name] {
			diags.AddAttributeError(path.Root("labels").AtMapKey(name), "Control plane changed the document", fmt.Sprintf(
				"The control plane at version %s accepted %s, but not the label %s: it sets this label itself. Remove the label "+
					"from the configuration.", r.Client.Version(ctx), plan, tfkit.Quote(name)))
		}
	}
	return state, true
}

// edit changes a document to the plan. It replaces the content. Labels that are
// neither in the plan nor in the prior state stay if they are the control
// plane's.
func (m *model) edit(document *kuma.Document, prior model) error {
	value, _, old := m.content()
	decoded, _ := jsonOf(*value)
	if !m.Labels.IsNull() || !prior.Labels.IsNull() {
		if err := m.editLabels(document, prior); err != nil {
			return err
		}
	}
	if !old {
		encoded, err := json.Marshal(decoded)
		if err == nil {
			document.Set(specMember, encoded)
		}
		return err
	}
	has, err := contentOf(document, true)
	if err != nil {
		return err
	}
	members, _ := decoded.(map[string]any)
	there, _ := has.(map[string]any)
	for name := range there {
		if _, stays := members[name]; !stays {
			document.Delete(name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		encoded, err := json.Marshal(members[name])
		if err != nil {
			return err
		}
		document.Set(name, encoded)
	}
	return nil
}

func (m *model) editLabels(document *kuma.Document, prior model) error {
	wanted := stringMap(m.Labels)
	if err := document.SetLabels(wanted); err != nil {
		return err
	}
	return document.EditObject("labels", func(labels *kuma.Document) error {
		for name := range stringMap(prior.Labels) { // those with kuma.io, which SetLabels keeps
			if _, stays := wanted[name]; !stays {
				labels.Delete(name)
			}
		}
		for name, value := range wanted {
			var is string
			if err := labels.Decode(name, &is); err != nil {
				return err
			}
			if kuma.ReservedLabel(name) && is != value {
				encoded, _ := json.Marshal(value) // a string always marshals
				labels.Set(name, encoded)
			}
		}
		return nil
	})
}

// contentOf returns the content of a document: its spec, or the fields of an
// old type.
func contentOf(document *kuma.Document, old bool) (content any, err error) {
	if !old {
		spec := document.Get(specMember)
		if spec == nil {
			return nil, nil
		}
		return decodeJSON(spec)
	}
	all, err := decodeJSON(document.Bytes())
	if err != nil {
		return nil, err
	}
	members, _ := all.(map[string]any)
	for _, name := range envelope() {
		delete(members, name)
	}
	return members, nil
}

// stateFrom returns the state of a document, with the parts that the prior
// state or the plan has. It keeps equivalent values in their spelling.
func stateFrom(ctx context.Context, document *kuma.Document, prior model) (model, error) {
	state := prior
	value, _, old := state.content()
	has, err := contentOf(document, old)
	if err != nil {
		return prior, err
	}
	if !value.IsNull() {
		now := reconcile(ctx, *value, withoutKeys(has), old)
		if dynamic, ok := now.(types.Dynamic); ok {
			*value = dynamic
		}
	}
	if prior.Labels.IsNull() {
		return state, nil
	}
	all, err := document.AllLabels()
	for name := range all {
		if _, managed := stringMap(prior.Labels)[name]; kuma.ReservedLabel(name) && !managed {
			delete(all, name)
		}
	}
	state.Labels = mapOf(all)
	return state, err
}

// importFrom returns the state of a document with all of its content, except
// what the control plane adds.
func importFrom(ctx context.Context, document *kuma.Document, prior model) (model, error) {
	state := prior
	old := document.Get(specMember) == nil
	has, err := contentOf(document, old)
	if err != nil {
		return prior, err
	}
	all, err := document.AllLabels()
	if err != nil {
		return prior, err
	}
	value := &state.Spec
	if old {
		value = &state.Fields
	}
	*value = types.DynamicValue(valueOf(ctx, withoutKeys(withoutDefaults(has, zoneOf(has, all)))))
	maps.DeleteFunc(all, func(name, _ string) bool { return kuma.ReservedLabel(name) && !setByUsers(name) })
	if len(all) > 0 {
		state.Labels = mapOf(all)
	}
	return state, nil
}

// setByUsers reports whether a label of kuma.io is one that users set: the effect
// of a policy, and the workload of a proxy.
func setByUsers(name string) bool {
	return slices.Contains([]string{"kuma.io/effect", "kuma.io/workload"}, name)
}

// zoneOf returns the zone that the control plane adds to the tags of a proxy:
// that of the label, or, before there was one (2.7), that of the first inbound.
func zoneOf(content any, labels map[string]string) string {
	const name = "kuma.io/zone"
	if zone := labels[name]; zone != "" {
		return zone
	}
	var proxy struct {
		Networking struct {
			Address string
			Inbound []struct{ Tags map[string]string }
		}
	}
	encoded, err := json.Marshal(content)
	if err != nil || json.Unmarshal(encoded, &proxy) != nil || proxy.Networking.Address == "" || len(proxy.Networking.Inbound) == 0 {
		return ""
	}
	return proxy.Networking.Inbound[0].Tags[name]
}

func stringMap(value types.Map) map[string]string {
	all := map[string]string{}
	for name, element := range value.Elements() {
		if text, ok := element.(types.String); ok {
			all[name] = text.ValueString()
		}
	}
	return all
}

func mapOf(all map[string]string) types.Map {
	elements := map[string]attr.Value{}
	for name, value := range all {
		elements[name] = types.StringValue(value)
	}
	return types.MapValueMust(types.StringType, elements)
}
