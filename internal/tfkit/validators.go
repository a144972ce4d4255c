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
	text := req.ConfigValue.ValueString()
	err := c.problem(text)
	if err == nil {
		return
	}
	what := "The value"
	switch {
	case c.secret:
	case pki.HoldsPEM(text):
		err = errPEM // the other may quote it
	default:
		what = Quote(text)
	}
	resp.Diagnostics.AddAttributeError(req.Path, c.summary, Named(req.Path, fmt.Sprintf("%s cannot be used: %s.", what, err)))
}

// errPEM is what is wrong with PEM where a name or the like is wanted.
var errPEM = errors.New("it is PEM, which may be a private key and is not shown here")

// Text is the rule for any text that a message may show.
func Text() validator.String {
	return Check("Invalid value", "a text that is not empty", func(text string) error {
		switch {
		case text == "":
			return errors.New("it is empty")
		case pki.HoldsPEM(text):
			return errPEM
		}
		return nil
	})
}

// OneOf is the rule for one of a few words.
func OneOf(words ...string) validator.String {
	all := "one of " + Quote(words...)
	return Check("Invalid value", all, func(text string) error {
		if !slices.Contains(words, text) {
			return errors.New("it must be " + all)
		}
		return nil
	})
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
