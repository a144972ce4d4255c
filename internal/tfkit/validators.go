package tfkit

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

// Check makes a validator of a function that finds what is wrong with a text.
// summary heads the error, and description says in a few words what is right.
func Check(summary, description string, problem func(string) error) validator.String {
	return check{summary: summary, description: description, problem: problem}
}

// CheckSecret is Check for a text that no message may show.
func CheckSecret(summary, description string, problem func(string) error) validator.String {
	return check{summary: summary, description: description, problem: problem, secret: true}
}

type check struct {
	summary     string
	description string
	problem     func(string) error
	secret      bool
}

func (c check) Description(context.Context) string         { return c.description }
func (c check) MarkdownDescription(context.Context) string { return c.description }

func (c check) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	err := c.problem(req.ConfigValue.ValueString())
	if err == nil {
		return
	}
	what := "The value"
	if !c.secret {
		what = strconv.Quote(req.ConfigValue.ValueString())
	}
	resp.Diagnostics.AddAttributeError(req.Path, c.summary, Named(req.Path, fmt.Sprintf("%s cannot be used: %s.", what, err)))
}

// MeshName is the rule for the name of a mesh that is to be made.
func MeshName() validator.String {
	return Check("Invalid name", "at most 63 lower-case letters, digits, \"-\" and \".\"", func(name string) error {
		return kuma.CheckName(name, kuma.MaxMeshName)
	})
}

// MeshReference is the rule for the name of a mesh that an object belongs to.
func MeshReference() validator.String {
	return Check("Invalid name", "the name of a mesh", kuma.CheckMeshReference)
}

// SecretName is the rule for the name of a secret.
func SecretName() validator.String {
	return Check("Invalid name", "at most 253 lower-case letters, digits, \"-\" and \".\"", func(name string) error {
		return kuma.CheckName(name, kuma.MaxSecretName)
	})
}

// Expiration is the control plane's grammar for the life of a certificate.
func Expiration() validator.String {
	return Check("Invalid duration", "one whole number and one unit: y, w, d, h, m, s or ms", func(text string) error {
		_, err := kuma.ParseDuration(text)
		return err
	})
}

// Duration is Go's grammar for durations, without negative ones.
func Duration() validator.String {
	return Check("Invalid duration", "a duration such as 10s, 1m30s or 500ms", func(text string) error {
		d, err := time.ParseDuration(text)
		switch {
		case err != nil:
			return fmt.Errorf("it is not a duration such as 10s, 1m30s or 500ms")
		case d < 0:
			return fmt.Errorf("it is negative")
		}
		return nil
	})
}
