// Package token has the ephemeral resources for tokens of the control plane.
package token

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

const (
	shortestLife = time.Minute
	longLife     = 90 * 24 * time.Hour
)

// A token is the ephemeral resource for one kind of token.
type token struct {
	tfkit.EphemeralResource
	kind        kuma.TokenKind
	description string
	attributes  map[string]schema.Attribute // besides those of [issued]
	model       func() model                // an empty one
}

// A model is a pointer to the model of one kind of token.
type model interface {
	// members returns those of the request, with nil for one without a value.
	members() map[string]any
	issue(ctx context.Context, provider *tfkit.ProviderData, kind kuma.TokenKind, members map[string]any, diags *diag.Diagnostics)
}

var _ ephemeral.EphemeralResourceWithConfigure = (*token)(nil)

func (e *token) Schema(_ context.Context, _ ephemeral.SchemaRequest, resp *ephemeral.SchemaResponse) {
	resp.Schema = schema.Schema{MarkdownDescription: e.description + opened, Attributes: withIssued(e.attributes)}
}

func (e *token) Open(ctx context.Context, req ephemeral.OpenRequest, resp *ephemeral.OpenResponse) {
	m := e.model()
	resp.Diagnostics.Append(req.Config.Get(ctx, m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	m.issue(ctx, &e.ProviderData, e.kind, m.members(), &resp.Diagnostics)
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(resp.Result.Set(ctx, m)...)
	}
}

// issued has the attributes that all kinds of tokens share.
type issued struct {
	ValidFor  types.String `tfsdk:"valid_for"`
	Token     types.String `tfsdk:"token"`
	ExpiresAt types.String `tfsdk:"expires_at"`
	TokenID   types.String `tfsdk:"token_id"`
	KeyID     types.String `tfsdk:"key_id"`
}

// opened is the common end of the descriptions.
const opened = "\n\nThe token is not stored in plan or state. Terraform opens this resource once during plan and once during apply, and each time " +
	"the control plane issues a new token. A token cannot be taken back by itself: keep `valid_for` short, or revoke it by its " +
	"`token_id`. By default, the control plane issues tokens to users of the group `mesh-system:admin`."

// withIssued adds the attributes of [issued].
func withIssued(own map[string]schema.Attribute) map[string]schema.Attribute {
	all := map[string]schema.Attribute{
		"valid_for": schema.StringAttribute{
			MarkdownDescription: "How long the token is valid, at least one minute: a duration such as `90m`, `24h` or `30d`. More than 90 days is " +
				"a warning.",
			Required:   true,
			Validators: []validator.String{life{"a duration such as 90m, 24h or 30d, and at least one minute"}},
		},
		"token":      schema.StringAttribute{MarkdownDescription: "The token: a signed JSON web token.", Computed: true, Sensitive: true},
		"expires_at": schema.StringAttribute{MarkdownDescription: "Time at which the token expires, in RFC 3339.", Computed: true},
		"token_id":   schema.StringAttribute{MarkdownDescription: "ID of the token (`jti`), by which it can be revoked.", Computed: true},
		"key_id":     schema.StringAttribute{MarkdownDescription: "Serial number of the key that signed the token (`kid`).", Computed: true},
	}
	maps.Copy(all, own)
	return all
}

// life is the rule for the lifetime of a token.
type life struct{ tfkit.Described }

func (life) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	tfkit.Check("Invalid duration", "", func(text string) error {
		life, err := kuma.ParseLifetime(text)
		if err == nil && life < shortestLife {
			return errors.New("a token must be valid for at least one minute")
		}
		return err
	}).ValidateString(ctx, req, resp)
	if life, err := kuma.ParseLifetime(req.ConfigValue.ValueString()); err == nil && life > longLife {
		resp.Diagnostics.AddAttributeWarning(req.Path, "Token lifetime is long", fmt.Sprintf(
			"The token is valid for %s, which is more than 90 days. Anyone with the token can use it until then. Set a shorter lifetime, "+
				"and issue a new token in each run.", tfkit.Quote(req.ConfigValue.ValueString())))
	}
}

// issue requests a token. It omits members without a value.
func (m *issued) issue(ctx context.Context, provider *tfkit.ProviderData, kind kuma.TokenKind, members map[string]any, diags *diag.Diagnostics) {
	if !provider.Ready(diags) {
		return
	}
	validFor, err := kuma.ParseLifetime(m.ValidFor.ValueString())
	if err != nil {
		diags.AddAttributeError(path.Root("valid_for"), "Invalid duration", fmt.Sprintf("%s is not valid: %s.", tfkit.Quote(m.ValidFor.ValueString()), err))
		return
	}
	maps.DeleteFunc(members, func(_ string, value any) bool { return value == nil })
	made, err := provider.Client.IssueToken(ctx, kind, members, validFor)
	if err != nil {
		addError(ctx, provider, kind, members, err, diags)
		return
	}
	for _, name := range made.Dropped {
		diags.AddAttributeError(attributeOf(name), "Control plane dropped part of the token", fmt.Sprintf(
			"The control plane at version %s issued a token without %s: this version does not know it. The token would be valid for more "+
				"than the configuration says. Remove %s from the configuration.", provider.Client.Version(ctx), name, attributeOf(name)))
	}
	m.Token, m.TokenID, m.KeyID = types.StringValue(made.Text), types.StringValue(made.ID), types.StringValue(made.KeyID)
	m.ExpiresAt = types.StringNull()
	if !made.Expires.IsZero() {
		m.ExpiresAt = types.StringValue(made.Expires.Format(time.RFC3339))
	}
}

// attributeOf returns the attribute of a member of a request.
func attributeOf(member string) path.Path {
	if member == "validFor" {
		return path.Root("valid_for")
	}
	return path.Root(member)
}

func addError(ctx context.Context, provider *tfkit.ProviderData, kind kuma.TokenKind, members map[string]any, err error, diags *diag.Diagnostics) {
	task := fmt.Sprintf("issue a %s token", kind)
	var refusal *kuma.Error
	isAnswer := errors.As(err, &refusal) && !refusal.Foreign()
	mesh, _ := members["mesh"].(string)
	switch {
	case isAnswer && refusal.Status == http.StatusNotFound && mesh != "":
		if _, there := provider.Mesh(ctx, mesh, path.Root("mesh"), diags); there {
			addNoKey(kind, refusal, diags)
		}
	case isAnswer && refusal.Status == http.StatusNotFound:
		addNoKey(kind, refusal, diags)
	case tfkit.AddRefused(diags, task, err, func(field string) (path.Path, string) {
		name, _, _ := strings.Cut(field, ".")
		return attributeOf(name), ""
	}):
	default:
		tfkit.AddError(diags, task, err)
	}
}

// addNoKey adds the error for a control plane without a signing key.
func addNoKey(kind kuma.TokenKind, refusal *kuma.Error, diags *diag.Diagnostics) {
	diags.AddError("Signing key not found", fmt.Sprintf(
		"Could not issue a %s token: the control plane has no key to sign it with. It answered: %s.\n\n"+
			"The control plane creates the first key for itself. If it was deleted, create a new one with `kumactl generate "+
			"signing-key`, and upload it as a secret.", kind, refusal.Detail))
}

// text returns the value of an attribute for a request, or nil for none.
func text(value types.String) any {
	if value.IsNull() {
		return nil
	}
	return value.ValueString()
}
