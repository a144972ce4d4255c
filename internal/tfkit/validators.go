package tfkit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
)

// Described is embedded by a validator or plan modifier. It describes correct
// values, or the effect.
type Described string

// Description returns the text.
func (d Described) Description(context.Context) string { return string(d) }

// MarkdownDescription returns the text.
func (d Described) MarkdownDescription(context.Context) string { return string(d) }

// Check returns a validator from a function that finds the problem with a
// string. summary is the summary of the error, and description describes
// correct values. A possible private key is always an error, because later
// messages would show it.
func Check(summary, description string, problem func(string) error) validator.String {
	return check{Described: Described(description), summary: summary, problem: problem}
}

// CheckSecret returns a [Check] for a string that no message may show.
func CheckSecret(summary, description string, problem func(string) error) validator.String {
	return check{Described: Described(description), summary: summary, problem: problem, secret: true}
}

// WithoutKey returns the rule for a string that plans show and the state has: a
// private key in it is an error. Otherwise, another rule decides.
func WithoutKey(rule validator.String) validator.String { return withoutKey{rule} }

type withoutKey struct{ validator.String }

func (w withoutKey) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if !HasPrivateKey(req.ConfigValue.ValueString()) {
		w.String.ValidateString(ctx, req, resp)
		return
	}
	resp.Diagnostics.AddAttributeError(req.Path, "Private key in certificates", WithPath(req.Path,
		"The value is not shown, because it contains a private key: Terraform would show it in plans and store it in the state. Remove the key, "+
			"and leave the certificates. If it was applied before, replace the CA."))
}

// HasPrivateKey is [pki.HasPrivateKey].
func HasPrivateKey(text string) bool { return pki.HasPrivateKey(text) }

type check struct {
	Described
	summary string
	problem func(string) error
	secret  bool
}

func (c check) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	text := req.ConfigValue.ValueString()
	err := c.problem(text)
	what := "The value"
	switch {
	case c.secret:
	case pki.MayHoldKey(text):
		err = errKey // the other error may quote it
	default:
		what = Quote(text)
	}
	if err == nil {
		return
	}
	resp.Diagnostics.AddAttributeError(req.Path, c.summary, WithPath(req.Path, fmt.Sprintf("%s is not valid: %s.", what, err)))
}

// errKey is the error for a key in place of a name or another value.
var errKey = errors.New("it is not shown here, because it may be a private key")

// Text returns the rule for any string that a message may show.
func Text() validator.String {
	return Check("Invalid value", "a string that is not empty", func(text string) error {
		if text == "" {
			return errors.New("it is empty")
		}
		return nil
	})
}

// OneOf returns the rule for one of a few words.
func OneOf(words ...string) validator.String {
	all := "one of " + Quote(words...)
	return Check("Invalid value", all, func(text string) error {
		if !slices.Contains(words, text) {
			return errors.New("it must be " + all)
		}
		return nil
	})
}

// MeshName returns the rule for the name of a new mesh.
func MeshName() validator.String {
	return Check("Invalid name", `at most 63 lowercase letters, digits, "-" and "."`, func(name string) error {
		return kuma.CheckName(name, kuma.MaxMeshName)
	})
}

// MeshReference returns the rule for the name of the mesh of an object.
func MeshReference() validator.String {
	return Check("Invalid name", "the name of a mesh", kuma.CheckMeshReference)
}

// SecretName returns the rule for the name of a secret.
func SecretName() validator.String {
	return Check("Invalid name", `at most 253 lowercase letters, digits, "-" and "."`, func(name string) error {
		return kuma.CheckName(name, kuma.MaxSecretName)
	})
}

// Lifetimes of a proxy certificate below which traffic certainly stops, and
// below which it may. A proxy gets its next certificate after 4/5 of the
// lifetime. With a lifetime of 5 s, some handshakes failed at each renewal;
// with 0 s, all of them (measured).
const (
	leastLifetime = time.Minute
	shortLifetime = 10 * time.Minute
)

// Lifetime returns the rule for the lifetime of a proxy certificate of a
// backend: the control plane's grammar, and at least a minute. Less than ten
// minutes is a warning.
func Lifetime() validator.String {
	return lifetime{"one whole number and one unit: y, w, d, h, m, s or ms, and at least one minute", kuma.ParseDuration}
}

// IdentityLifetime returns [Lifetime] for a certificate of a MeshIdentity, in
// Go's grammar.
func IdentityLifetime() validator.String {
	return lifetime{"a duration such as 24h or 90m, and at least one minute", parseDuration}
}

type lifetime struct {
	Described
	parse func(string) (time.Duration, error)
}

func (l lifetime) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	Check("Invalid duration", "", func(text string) error {
		_, err := l.parse(text)
		return err
	}).ValidateString(ctx, req, resp)
	life, err := l.parse(req.ConfigValue.ValueString())
	switch {
	case err != nil || req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown():
	case life < leastLifetime:
		resp.Diagnostics.AddAttributeError(req.Path, "Certificate lifetime is too short", WithPath(req.Path, fmt.Sprintf(
			"%s is less than a minute. A certificate expires before all proxies use its successor, and handshakes fail. "+
				"Set a longer lifetime, such as 24h.", Quote(req.ConfigValue.ValueString()))))
	case life < shortLifetime:
		resp.Diagnostics.AddAttributeWarning(req.Path, "Certificate lifetime is short", WithPath(req.Path, fmt.Sprintf(
			"%s is less than 10 minutes. Proxies renew in the last fifth, %s. If the control plane is unavailable for "+
				"longer, traffic stops. Set a longer lifetime, such as 24h.",
			Quote(req.ConfigValue.ValueString()), life/5)))
	}
}

// Duration returns the rule for a duration in Go's grammar that is not
// negative.
func Duration() validator.String {
	return durationOf(0, "a duration such as 10s, 1m30s or 500ms", "it is negative")
}

// Limit returns the rule for a duration after which something ends: a
// [Duration] other than 0.
func Limit() validator.String {
	return durationOf(1, positiveDuration, "it must be greater than 0, because a request without a limit may never end")
}

// PositiveDuration returns the rule for a [Duration] other than 0.
func PositiveDuration() validator.String {
	return durationOf(1, positiveDuration, "it must be greater than 0")
}

const positiveDuration = "a duration greater than 0, such as 10s, 1m30s or 500ms"

// durationOf returns the rule for a duration of at least least in Go's grammar.
func durationOf(least time.Duration, description, tooShort string) validator.String {
	return Check("Invalid duration", description, func(text string) error {
		d, err := parseDuration(text)
		if err == nil && d < least {
			err = errors.New(tooShort)
		}
		return err
	})
}

func parseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, errors.New("it is not a duration such as 10s, 1m30s or 500ms")
	}
	return d, nil
}
