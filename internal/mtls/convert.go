package mtls

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/part"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/rotation"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// edit changes a mesh to the plan: the entry of the backend, whether it is
// enabled, and whether validation is skipped.
func edit(ctx context.Context, plan model, mesh *kuma.Mesh) error {
	name := plan.Name.ValueString()
	if err := mesh.EditBackend(name, func(document *kuma.Document) error { return plan.edit(ctx, document) }); err != nil {
		return err
	}
	if err := mesh.SetSkipValidation(plan.SkipValidation.ValueBool()); err != nil {
		return err
	}
	if plan.Enabled.ValueBool() {
		return mesh.EnableBackend(name)
	}
	return mesh.DisableBackend(name)
}

// backend returns the name and the CA of the backend as the mesh has them.
func (m model) backend() kuma.Backend {
	return kuma.Backend{Name: m.Name.ValueString(), Type: kuma.Provided, Cert: m.Cert.source(), Key: m.Key.source()}
}

func (d *dataSource) source() kuma.DataSource {
	return kuma.DataSource{
		Secret:       d.Secret.ValueString(),
		Inline:       asAnswered(d.Inline.ValueString()),
		InlineString: d.InlineString.ValueString(),
		File:         d.File.ValueString(),
	}
}

// lists reports whether a mesh has a provided backend with this name.
func lists(mesh *kuma.Mesh, name string) bool {
	b, there, err := mesh.Backend(name)
	return err != nil || there && b.Type == kuma.Provided // an unreadable document is not an absent one
}

// stateFrom returns the state of a backend in a mesh. If a value in prior means
// the same, its spelling is kept.
func stateFrom(ctx context.Context, mesh *kuma.Mesh, prior model) (model, diag.Diagnostics) {
	var diags diag.Diagnostics
	state := prior
	document, err := mesh.BackendEntry(prior.Name.ValueString())
	if err == nil {
		state.entry, err = prior.read(ctx, document)
	}
	enabled, errEnabled := mesh.EnabledBackend()
	skip, errSkip := mesh.SkipValidation()
	if err := errors.Join(err, errEnabled, errSkip); err != nil {
		tfkit.AddUnreadable(&diags, fmt.Sprintf("Mesh %q", prior.Mesh.ValueString()), err)
		return prior, diags
	}
	state.Enabled = types.BoolValue(enabled == prior.Name.ValueString())
	state.SkipValidation = types.BoolValue(skip)
	state.ForceDestroy = types.BoolValue(prior.ForceDestroy.ValueBool()) // false after an import
	return state, diags
}

// existsError reports that a backend is not created because one with its name
// exists.
type existsError struct{ kind string }

func (e *existsError) Error() string { return "a backend of type " + e.kind + " already exists" }

// addWriteError adds the error of a failed write of the mesh to the attribute
// that caused it.
func addWriteError(diags *diag.Diagnostics, task string, m model, err error) {
	var (
		refused *refusedError
		exists  *existsError
		stopped *rotation.StoppedError
		inUse   *inUseError
	)
	switch {
	case errors.As(err, &stopped):
		stopped.Add(diags)
	case errors.As(err, &inUse):
		addInUse(diags, inUse)
	case errors.As(err, &exists): // Create handles one of type provided
		addOtherType(diags, m, exists.kind)
	case kuma.Absent(err):
		tfkit.AddMeshAbsent(diags, m.Mesh.ValueString())
	case errors.As(err, &refused) && tfkit.AddRefused(diags, task, err, func(field string) (path.Path, string) { return m.explain(field, refused.backends) }):
	default:
		tfkit.AddError(diags, task, err)
	}
}

// A refusedError reports the rejection of a mesh's document.
type refusedError struct {
	error
	backends []string // their names, in the order of the rejected document
}

func (e *refusedError) Unwrap() error { return e.error }

// explain returns the attribute for a field of the mesh's document, with advice
// about its rejection. backends are those in the document.
func (m model) explain(field string, backends []string) (path.Path, string) {
	switch field {
	case "mtls.enabledBackend":
		return path.Root("enabled"), "\n\n" +
			"Kuma changes the enabled backend only while mTLS is off. To change the CA, keep the backend, and set cert and " +
			"key to other secrets. To change the backend itself, first disable the enabled one in a separate apply. Kong " +
			"Mesh can change it in one apply."
	case "mtls.skipValidation":
		return path.Root("skip_validation"), ""
	case "mtls.backends":
		return path.Root("name"), "\n\n" +
			"Kuma supports one backend in a mesh, and Kong Mesh several. " +
			tooEarly +
			"\n\n" +
			"Otherwise, to change the CA, keep the existing backend, and set cert and key to another CA secret."
	case "mtls.dpcert.rotation.expiration": // the control plane does not say which backend
		return path.Root("dp_cert").AtName("rotation").AtName("expiration"), ""
	}
	index, below, ok := inBackend(field)
	if !ok {
		return path.Root("mesh"), ""
	}
	if index < len(backends) && backends[index] != m.Name.ValueString() {
		return path.Root("mesh"), fmt.Sprintf("\n\n"+"The other backend is %q, which this resource does not manage.", backends[index])
	}
	at, found := backendParts().Follow(path.Empty(), below, kuma.NewDocument(), part.Values{})
	switch {
	case !found && below.Member() == "conf":
		return path.Root("cert"), ""
	case !found:
		return path.Root("name"), ""
	}
	for root, source := range map[string]*dataSource{"cert": m.Cert, "key": m.Key} {
		if steps := at.Steps(); steps[0].Equal(path.PathStepAttributeName(root)) {
			return source.at(root), "" // the form that the configuration has
		}
	}
	return at, ""
}

// inBackend returns the steps of a field below an entry of mtls.backends, and
// the index of that entry. ok is false for other fields.
func inBackend(field string) (index int, below tfkit.FieldSteps, ok bool) {
	backends, _ := tfkit.NewFieldSteps(field).Below("mtls.backends")
	if index, ok = backends.Index(); !ok {
		return 0, nil, false
	}
	return index, backends[1:], true
}
