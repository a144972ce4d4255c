package secret

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// value is the content of a secret, in one of four forms. Both models embed it.
type value struct {
	Value                types.String `tfsdk:"value"`
	ValueWO              types.String `tfsdk:"value_wo"`
	ValueWOVersion       types.Int64  `tfsdk:"value_wo_version"`
	ValueBase64          types.String `tfsdk:"value_base64"`
	ValueBase64WO        types.String `tfsdk:"value_base64_wo"`
	ValueBase64WOVersion types.Int64  `tfsdk:"value_base64_wo_version"`
	InSync               types.Bool   `tfsdk:"in_sync"`
}

// valueDescription is the common part of both descriptions.
const valueDescription = "Set exactly one of `value`, `value_wo`, `value_base64` and `value_base64_wo`. The two with `_wo` are " +
	"write-only: they are not stored in plan or state. The provider keeps a salted, slow hash (Argon2id) of the " +
	"written value in the private part of the state. A refresh uses it to detect a value that another client " +
	"changed, and the next apply restores the value.\n\n" +
	"An import does not store a value in the state. After it, a configuration with the current value in `value_wo` " +
	"causes no changes. A configuration with `value` shows a change that stores the value in the state and does " +
	"not write to the control plane."

// attributes returns the attributes of both resources. nameRules are those for the
// name of the secret.
func attributes(nameRules ...validator.String) map[string]schema.Attribute {
	const version = "Number that writes `%[1]s` if it changes. With it, the provider otherwise only writes `%[1]s` to restore a " +
		"value that another client changed. Without it, the provider writes `%[1]s` whenever the value changes. Set it " +
		"if the value is different in each run, such as a value from an ephemeral resource."
	return map[string]schema.Attribute{
		"name": schema.StringAttribute{
			MarkdownDescription: "Name of the secret: at most 253 lowercase letters, digits, `-` and `.`. Changing this replaces the secret.",
			Required:            true,
			Validators:          nameRules,
			PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
		},
		"value": schema.StringAttribute{
			MarkdownDescription: "Value of the secret, as a string. It is stored in plan and state. Use `value_wo` to avoid this.",
			Optional:            true,
			Sensitive:           true,
		},
		"value_wo": schema.StringAttribute{
			MarkdownDescription: "Value of the secret, as a string. Write-only: not stored in plan or state. Requires Terraform 1.11 or later.",
			Optional:            true,
			Sensitive:           true,
			WriteOnly:           true,
		},
		"value_wo_version": schema.Int64Attribute{
			MarkdownDescription: fmt.Sprintf(version, "value_wo"),
			Optional:            true,
			Validators:          []validator.Int64{int64validator.AlsoRequires(path.MatchRoot("value_wo"))},
		},
		"value_base64": schema.StringAttribute{
			MarkdownDescription: "Value of the secret as base64, for binary values: standard or URL-safe, with or without padding and line " +
				"breaks. The provider compares the bytes, so a different form of the same value causes no change. It is stored " +
				"in plan and state. Use `value_base64_wo` to avoid this.",
			Optional:      true,
			Sensitive:     true,
			PlanModifiers: []planmodifier.String{tfkit.KeepEquivalent(sameBytes)},
		},
		"value_base64_wo": schema.StringAttribute{
			MarkdownDescription: "Value of the secret as base64. Write-only: not stored in plan or state. Requires Terraform 1.11 or later.",
			Optional:            true,
			Sensitive:           true,
			WriteOnly:           true,
		},
		"value_base64_wo_version": schema.Int64Attribute{
			MarkdownDescription: fmt.Sprintf(version, "value_base64_wo"),
			Optional:            true,
			Validators:          []validator.Int64{int64validator.AlsoRequires(path.MatchRoot("value_base64_wo"))},
		},
		"in_sync": schema.BoolAttribute{
			MarkdownDescription: "Whether the control plane had the last applied value at the last refresh. If `false`, another client changed " +
				"it, and the next apply restores it. Unknown in a plan that writes the value.",
			Computed: true,
		},
	}
}

// A form is one of the ways to set a value.
type form struct {
	name   string
	text   types.String
	decode func(string) ([]byte, error)
}

func (v value) forms() []form {
	text := func(s string) ([]byte, error) { return []byte(s), nil }
	return []form{
		{"value", v.Value, text},
		{"value_wo", v.ValueWO, text},
		{"value_base64", v.ValueBase64, decodeBase64},
		{"value_base64_wo", v.ValueBase64WO, decodeBase64},
	}
}

// wanted returns the content that a configuration wants. known is false if it
// is unknown, or invalid. In the latter case, the errors are on their
// attributes.
func (v value) wanted(diags *diag.Diagnostics) (data []byte, known bool) {
	var given []form
	unknown := false
	for _, f := range v.forms() {
		switch {
		case f.text.IsUnknown():
			unknown = true
		case !f.text.IsNull():
			given = append(given, f)
		}
	}
	for _, f := range given[min(len(given), 1):] {
		diags.AddAttributeError(path.Root(f.name), "Several values are set",
			fmt.Sprintf("%s conflicts with %s, because a secret has one value. Remove one of them.", given[0].name, f.name))
	}
	if len(given) == 0 && !unknown {
		diags.AddAttributeError(path.Root("value"), "Value is missing",
			"Set value_wo, which is not stored in plan or state, or value. For a binary value, set value_base64_wo or "+
				"value_base64.")
	}
	if len(given) != 1 {
		return nil, false
	}
	f := given[0]
	data, err := f.decode(f.text.ValueString())
	switch {
	case err != nil: // without the value, which is secret
		diags.AddAttributeError(path.Root(f.name), "Invalid base64", fmt.Sprintf("The value cannot be used: %s.", err))
	case len(data) > kuma.MaxSecretData:
		diags.AddAttributeError(path.Root(f.name), "Value is too large",
			fmt.Sprintf("The value has %d bytes, and the provider supports secrets of at most %d bytes. Use a smaller value.", len(data), kuma.MaxSecretData))
	default:
		return data, !unknown
	}
	return nil, false
}

// kubernetesLimit is the number of bytes that Kubernetes stores in a secret.
const kubernetesLimit = 1 << 20

// warnOfSize warns of a value that only some control planes accept.
func warnOfSize(data []byte, diags *diag.Diagnostics) {
	if len(data) > kubernetesLimit {
		diags.AddWarning("Large secret", fmt.Sprintf(
			"The value has %d bytes. Control planes that store their data in Kubernetes, including zones of a global "+
				"control plane, reject secrets of more than %d bytes.", len(data), kubernetesLimit))
	}
}

// versionChanged reports whether the version changed. The provider then writes the
// value even if the secret contains it. A version that is added or removed has
// no effect.
func (v value) versionChanged(state value) bool {
	changed := func(now, before types.Int64) bool { return !now.IsNull() && !before.IsNull() && !now.Equal(before) }
	return changed(v.ValueWOVersion, state.ValueWOVersion) || changed(v.ValueBase64WOVersion, state.ValueBase64WOVersion)
}

// versionUnchanged reports whether there is a version and it is unchanged. A different
// value in the configuration is then not written.
func (v value) versionUnchanged(state value) bool {
	same := func(now, before types.Int64) bool { return !now.IsNull() && now.Equal(before) }
	return same(v.ValueWOVersion, state.ValueWOVersion) || same(v.ValueBase64WOVersion, state.ValueBase64WOVersion)
}

// planned returns the planned value of in_sync. applied reports whether the
// value in the configuration is known and was the last one applied; it may be
// slow, and is called only if nothing else decides.
func (v value) planned(state value, applied func() bool) types.Bool {
	if state.InSync.ValueBool() && (v.versionChanged(state) || !v.versionUnchanged(state) && !applied()) {
		return types.BoolUnknown() // nothing else shows that a write-only value is written
	}
	return types.BoolValue(true)
}

// applied reports whether data was the last value applied, according to the
// state. It needs the slow hash only if the state does not store that value:
// for write-only and imported values, and while in_sync is false.
func (v value) applied(data []byte, last saltedHash, hashes *Hasher) bool {
	if stored, ok := v.stored(); ok && v.InSync.ValueBool() {
		return bytes.Equal(stored, data)
	}
	return hashes.matches(last, data)
}

// stored returns the value in the state, if its form is stored.
func (v value) stored() (data []byte, ok bool) {
	if !v.ValueBase64.IsNull() {
		data, err := decodeBase64(v.ValueBase64.ValueString())
		return data, err == nil
	}
	return []byte(v.Value.ValueString()), !v.Value.IsNull()
}

// record stores the content of the secret in the state. Only a form that was
// stored before is stored: no write-only value, and none from an import.
func (v *value) record(data []byte) {
	encoded := base64.StdEncoding.EncodeToString(data)
	switch {
	case !v.ValueBase64.IsNull():
		v.ValueBase64 = tfkit.Keep(v.ValueBase64, encoded, sameBytes)
	case v.Value.IsNull():
	case utf8.Valid(data):
		v.Value = types.StringValue(string(data))
	default: // not valid text, which Terraform's strings cannot contain
		v.Value, v.ValueBase64 = types.StringNull(), types.StringValue(encoded)
	}
}

// decodeBase64 decodes base64 in any of its usual variants.
func decodeBase64(text string) ([]byte, error) {
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if data, err := encoding.DecodeString(text); err == nil {
			return data, nil
		}
	}
	return nil, errors.New("it is not base64; use base64encode or filebase64")
}

// sameBytes reports whether two base64 strings decode to the same bytes.
func sameBytes(a, b string) bool {
	x, errX := decodeBase64(a)
	y, errY := decodeBase64(b)
	return errX == nil && errY == nil && string(x) == string(y)
}
