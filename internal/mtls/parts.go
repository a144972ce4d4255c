package mtls

import (
	"context"
	"encoding/base64"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/part"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// backendParts returns the parts of an entry of mtls.backends, in the order in
// which a new entry has them.
func backendParts() part.Parts {
	timeout := part.Text{Rule: tfkit.Duration(), Same: tfkit.SameDuration}
	return part.Parts{
		{
			Name: "cert", Member: "conf.cert", Required: true,
			Description: "Source of the certificate chain. Set exactly one of the following.", Kind: source("certificate chain", false),
		},
		{
			Name: "key", Member: "conf.key", Required: true,
			Description: "Source of the private key. Set exactly one of the following.", Kind: source("private key", true),
		},
		{
			Name: "dp_cert", Member: "dpCert", Description: "Settings of proxy certificates.",
			Kind: part.Object{Counts: true, Parts: part.Parts{
				{
					Name: "rotation", Member: "rotation", Required: true, Description: "Renewal of proxy certificates.",
					Kind: part.Object{Parts: part.Parts{{
						Name: "expiration", Member: "expiration", Required: true,
						Description: "Lifetime of a proxy certificate. A proxy gets its next certificate after 4/5 of it. One whole number and one " +
							"of the units `y`, `w`, `d`, `h`, `m`, `s`, `ms`, such as `1d` or `90m`, and at least one minute. By default, " +
							"24 hours.",
						Kind: part.Text{Rule: tfkit.Lifetime(), Same: tfkit.SameExpiration},
					}}},
				},
				{
					Name: "request_timeout", Member: "requestTimeout", Kind: timeout,
					Description: "Maximum duration of issuing a certificate, such as `10s`. By default, there is no limit.",
				},
			}},
		},
		{
			Name: "root_chain", Member: "rootChain", Description: "Settings for loading the CA.",
			Kind: part.Object{Counts: true, Parts: part.Parts{{
				Name: "request_timeout", Member: "requestTimeout", Kind: timeout,
				Description: "Maximum duration of loading the CA. By default, `10s`.",
			}}},
		},
		{
			Name: "mode", Member: "mode",
			Description: "`STRICT`: proxies accept only mTLS. `PERMISSIVE`: proxies also accept plain-text traffic.",
			Kind:        part.Text{Default: kuma.Strict, Values: []string{kuma.Strict, kuma.Permissive}},
		},
	}
}

// source returns the forms of the source of a certificate chain or key.
func source(what string, sensitive bool) part.Object {
	inline, inlineString := base64Text(), inlineText()
	if !sensitive {
		inline, inlineString = tfkit.WithoutKey(inline), tfkit.WithoutKey(inlineString)
	}
	return part.Object{ExactlyOne: true, Parts: part.Parts{
		{Name: "secret", Member: "secret", Description: "Name of a secret of the mesh.", Kind: part.Text{Rule: tfkit.SecretName()}},
		{
			Name: "inline", Member: "inline",
			Description: "The " + what + " as base64 of PEM. Only for development: it is stored in the mesh and in the state.",
			Kind:        part.Text{Sensitive: sensitive, Rule: inline, Same: sameInline},
		},
		{
			Name: "inline_string", Member: "inlineString",
			Description: "The " + what + " in PEM. Only for development: it is stored in the mesh and in the state.",
			Kind:        part.Text{Sensitive: sensitive, Rule: inlineString, Same: sameInlineString},
		},
		{Name: "file", Member: "file", Description: "Path of a file on the control plane's machine.", Kind: part.Text{}},
	}}
}

// entry has the attributes of backendParts.
type entry struct {
	Mode      types.String    `tfsdk:"mode"`
	Cert      *dataSource     `tfsdk:"cert"`
	Key       *dataSource     `tfsdk:"key"`
	DPCert    *dpCertModel    `tfsdk:"dp_cert"`
	RootChain *rootChainModel `tfsdk:"root_chain"`
}

type dataSource struct {
	Secret       types.String `tfsdk:"secret"`
	Inline       types.String `tfsdk:"inline"`
	InlineString types.String `tfsdk:"inline_string"`
	File         types.String `tfsdk:"file"`
}

type dpCertModel struct {
	Rotation       *rotationModel `tfsdk:"rotation"`
	RequestTimeout types.String   `tfsdk:"request_timeout"`
}

type rotationModel struct {
	Expiration types.String `tfsdk:"expiration"`
}

type rootChainModel struct {
	RequestTimeout types.String `tfsdk:"request_timeout"`
}

// values returns the attributes as values of the parts.
func (e entry) values(ctx context.Context) (part.Values, error) {
	object, diags := types.ObjectValueFrom(ctx, backendParts().Type().AttrTypes, e)
	return object.Attributes(), errorOf(diags)
}

// read returns the attributes that a document has. If a value in prior means the
// same, its spelling is kept.
func (e entry) read(ctx context.Context, document *kuma.Document) (now entry, err error) {
	prior, err := e.values(ctx)
	if err != nil {
		return now, err
	}
	values, err := backendParts().Read(document, prior)
	if err != nil {
		return now, err
	}
	object := types.ObjectValueMust(backendParts().Type().AttrTypes, values)
	err = errorOf(object.As(ctx, &now, basetypes.ObjectAsOptions{}))
	for _, source := range []**dataSource{&now.Cert, &now.Key} {
		if *source == nil { // a backend without a CA, which an import finds
			*source = &dataSource{}
		}
	}
	return now, err
}

// edit changes a document to the attributes.
func (e entry) edit(ctx context.Context, document *kuma.Document) error {
	e.Cert, e.Key = e.Cert.stored(), e.Key.stored()
	values, err := e.values(ctx)
	if err != nil {
		return err
	}
	return backendParts().Edit(document, values)
}

// errorOf returns the first error of a conversion between values of Terraform,
// which is a bug.
func errorOf(diags diag.Diagnostics) error {
	for _, d := range diags.Errors() {
		return errors.New(d.Summary() + ": " + d.Detail())
	}
	return nil
}

// base64Text returns the rule for an inline value.
func base64Text() validator.String {
	return tfkit.CheckSecret("Invalid base64", "a base64 string", func(text string) error {
		if _, err := base64.StdEncoding.DecodeString(text); err != nil {
			return errors.New("it is not base64; use base64encode(), or inline_string for PEM")
		}
		return nil
	})
}

// inlineText returns the rule for an inline value that is not base64.
func inlineText() validator.String {
	return tfkit.CheckSecret("Invalid value", "a string that is not empty", func(text string) error {
		if text == "" {
			return errors.New("it is empty")
		}
		return nil
	})
}

// sameInline reports whether the control plane reads the same CA material from
// two inline values.
func sameInline(a, b string) bool {
	x, errX := base64.StdEncoding.DecodeString(a)
	y, errY := base64.StdEncoding.DecodeString(b)
	return errX == nil && errY == nil && pki.SameMaterial(x, y)
}

// sameInlineString is sameInline for values that are not base64.
func sameInlineString(a, b string) bool { return pki.SameMaterial([]byte(a), []byte(b)) }

// stored returns the source as the control plane stores it.
func (d dataSource) stored() *dataSource {
	if !d.Inline.IsNull() {
		d.Inline = types.StringValue(asAnswered(d.Inline.ValueString()))
	}
	return &d
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
