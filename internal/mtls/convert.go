package mtls

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/rotation"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// edit changes a mesh to the plan: the entry of the backend, whether it is
// enabled, and whether validation is skipped.
func edit(plan model, mesh *kuma.Mesh) error {
	name := plan.Name.ValueString()
	if err := mesh.SetBackend(plan.document()); err != nil {
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

// document returns the entry of mtls.backends for a model.
func (m model) document() kuma.Backend {
	b := kuma.Backend{
		Name: m.Name.ValueString(),
		Type: kuma.Provided,
		Mode: m.Mode.ValueString(),
		Cert: m.Cert.document(),
		Key:  m.Key.document(),
	}
	if m.DPCert != nil {
		b.DPCert = &kuma.DPCert{
			Expiration:     m.DPCert.Rotation.Expiration.ValueString(),
			RequestTimeout: m.DPCert.RequestTimeout.ValueString(),
		}
	}
	if m.RootChain != nil {
		b.RootChain = &kuma.RootChain{RequestTimeout: m.RootChain.RequestTimeout.ValueString()}
	}
	return b
}

func (d *dataSource) document() kuma.DataSource {
	return kuma.DataSource{
		Secret:       d.Secret.ValueString(),
		Inline:       asAnswered(d.Inline.ValueString()),
		InlineString: d.InlineString.ValueString(),
		File:         d.File.ValueString(),
	}
}

// asAnswered returns base64 as the control plane returns it, without line
// breaks. It does not change an invalid value, which the control plane then
// rejects.
func asAnswered(inline string) string {
	data, err := base64.StdEncoding.DecodeString(inline)
	if err != nil {
		return inline
	}
	return base64.StdEncoding.EncodeToString(data)
}

// lists reports whether a mesh has a provided backend with this name.
func lists(mesh *kuma.Mesh, name string) bool {
	b, there, err := mesh.Backend(name)
	return err != nil || there && b.Type == kuma.Provided // an unreadable document is not an absent one
}

// stateFrom returns the state of a backend in a mesh. If a value in prior means
// the same, its spelling is kept.
func stateFrom(mesh *kuma.Mesh, prior model) (model, diag.Diagnostics) {
	var diags diag.Diagnostics
	b, _, err := mesh.Backend(prior.Name.ValueString())
	enabled, errEnabled := mesh.EnabledBackend()
	skip, errSkip := mesh.SkipValidation()
	if err := errors.Join(err, errEnabled, errSkip); err != nil {
		tfkit.AddUnreadable(&diags, fmt.Sprintf("Mesh %q", prior.Mesh.ValueString()), err)
		return prior, diags
	}
	state := prior
	state.Enabled = types.BoolValue(enabled == prior.Name.ValueString())
	state.Mode = types.StringValue(b.Mode)
	state.Cert = sourceFrom(b.Cert, prior.Cert)
	state.Key = sourceFrom(b.Key, prior.Key)
	state.SkipValidation = types.BoolValue(skip)
	state.ForceDestroy = types.BoolValue(prior.ForceDestroy.ValueBool()) // false after an import
	state.DPCert = dpCertFrom(b.DPCert, prior.DPCert)
	state.RootChain = rootChainFrom(b.RootChain, prior.RootChain)
	return state, diags
}

func sourceFrom(d kuma.DataSource, prior *dataSource) *dataSource {
	if prior == nil {
		prior = &dataSource{}
	}
	return &dataSource{
		Secret:       tfkit.Optional(d.Secret),
		Inline:       keepOptional(prior.Inline, d.Inline, sameInline),
		InlineString: keepOptional(prior.InlineString, d.InlineString, sameInlineString),
		File:         tfkit.Optional(d.File),
	}
}

func dpCertFrom(d *kuma.DPCert, prior *dpCertModel) *dpCertModel {
	if d == nil {
		return nil
	}
	var expiration, timeout types.String
	if prior != nil {
		timeout = prior.RequestTimeout
		if prior.Rotation != nil {
			expiration = prior.Rotation.Expiration
		}
	}
	return &dpCertModel{
		Rotation:       &rotationModel{Expiration: tfkit.Keep(expiration, d.Expiration, tfkit.SameExpiration)},
		RequestTimeout: keepOptional(timeout, d.RequestTimeout, tfkit.SameDuration),
	}
}

func rootChainFrom(r *kuma.RootChain, prior *rootChainModel) *rootChainModel {
	if r == nil {
		return nil
	}
	var timeout types.String
	if prior != nil {
		timeout = prior.RequestTimeout
	}
	return &rootChainModel{RequestTimeout: keepOptional(timeout, r.RequestTimeout, tfkit.SameDuration)}
}

// keepOptional returns null for an absent text, otherwise the result of
// [tfkit.Keep].
func keepOptional(prior types.String, now string, same tfkit.Equivalence) types.String {
	if now == "" {
		return types.StringNull()
	}
	return tfkit.Keep(prior, now, same)
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
		refusal *kuma.Error
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
	case errors.As(err, &refused) && errors.As(err, &refusal) && len(refusal.Parameters) > 0:
		for _, parameter := range refusal.Parameters {
			at, advice := m.explain(parameter.Field, refused.backends)
			diags.AddAttributeError(at, "Control plane rejected the change", fmt.Sprintf(
				"Could not %s. The control plane rejected %s: %s.%s", task, parameter.Field, parameter.Reason, advice))
		}
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
	index, rest, ok := kuma.BackendField(field)
	if !ok {
		return path.Root("mesh"), ""
	}
	if index < len(backends) && backends[index] != m.Name.ValueString() {
		return path.Root("mesh"), fmt.Sprintf("\n\n"+"The other backend is %q, which this resource does not manage.", backends[index])
	}
	for _, known := range []struct {
		prefix string
		at     path.Path
	}{
		{"conf.cert", m.Cert.at("cert")},
		{"conf.key", m.Key.at("key")},
		{"conf", path.Root("cert")},
		{"mode", path.Root("mode")},
		{"dpCert.rotation.expiration", path.Root("dp_cert").AtName("rotation").AtName("expiration")},
		{"dpCert.rotation", path.Root("dp_cert").AtName("rotation")},
		{"dpCert.requestTimeout", path.Root("dp_cert").AtName("request_timeout")},
		{"dpCert", path.Root("dp_cert")},
		{"rootChain.requestTimeout", path.Root("root_chain").AtName("request_timeout")},
		{"rootChain", path.Root("root_chain")},
	} {
		if strings.HasPrefix(rest, known.prefix) {
			return known.at, ""
		}
	}
	return path.Root("name"), ""
}
