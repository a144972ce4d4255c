package tfkit

import (
	"context"
	"time"

	actiontimeouts "github.com/hashicorp/terraform-plugin-framework-timeouts/action/timeouts"
	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	action "github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

const timeoutsDescription = "Timeouts, as durations such as `90s` or `10m`."

// Timeouts returns the attribute that limits operations that may wait.
func Timeouts(ctx context.Context, opts timeouts.Opts) schema.Attribute {
	attribute := timeouts.Attributes(ctx, opts)
	if nested, ok := attribute.(schema.SingleNestedAttribute); ok {
		nested.MarkdownDescription = timeoutsDescription
		for name, attribute := range nested.Attributes {
			if text, ok := attribute.(schema.StringAttribute); ok {
				text.Validators = []validator.String{Duration()}
				nested.Attributes[name] = text
			}
		}
		return nested
	}
	return attribute
}

// ActionTimeouts returns the attribute [Timeouts] of an action, which has one
// operation.
func ActionTimeouts(ctx context.Context, description string) action.Attribute {
	attribute := actiontimeouts.Attributes(ctx)
	if nested, ok := attribute.(action.SingleNestedAttribute); ok {
		nested.MarkdownDescription = timeoutsDescription
		for name := range nested.Attributes {
			nested.Attributes[name] = action.StringAttribute{
				Optional: true, MarkdownDescription: description, Validators: []validator.String{PositiveDuration()},
			}
		}
		return nested
	}
	return attribute
}

// WithTimeout returns a context that ends after the time in the configuration
// for an operation, which one of the methods of [timeouts.Value] reads, or
// after def.
func (d *ProviderData) WithTimeout(
	ctx context.Context, configured func(context.Context, time.Duration) (time.Duration, diag.Diagnostics), def time.Duration, diags *diag.Diagnostics,
) (context.Context, context.CancelFunc) {
	limit, more := configured(ctx, def)
	diags.Append(more...)
	return d.Clock.WithTimeout(ctx, limit)
}
