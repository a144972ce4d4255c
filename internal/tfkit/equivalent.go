package tfkit

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

// An Equivalence reports whether two strings mean the same.
type Equivalence func(a, b string) bool

// SameDuration reports whether two strings are the same duration in Go's
// grammar.
func SameDuration(a, b string) bool { return sameBy(time.ParseDuration, a, b) }

// SameExpiration reports whether two strings are the same duration in the
// control plane's grammar.
func SameExpiration(a, b string) bool { return sameBy(kuma.ParseDuration, a, b) }

func sameBy(parse func(string) (time.Duration, error), a, b string) bool {
	x, errX := parse(a)
	y, errY := parse(b)
	return errX == nil && errY == nil && x == y
}

// Keep returns the value for the state: the prior one if it means the same as
// the current value, so that another spelling is not a difference.
func Keep(prior types.String, now string, same Equivalence) types.String {
	if !prior.IsNull() && !prior.IsUnknown() && (prior.ValueString() == now || same(prior.ValueString(), now)) {
		return prior
	}
	return types.StringValue(now)
}

// Optional returns null for an empty string.
func Optional(text string) types.String {
	if text == "" {
		return types.StringNull()
	}
	return types.StringValue(text)
}

// OptionalTime returns null for the zero time, otherwise the time in UTC.
func OptionalTime(t time.Time, layout string) types.String {
	if t.IsZero() {
		return types.StringNull()
	}
	return types.StringValue(t.UTC().Format(layout))
}

// KeepEquivalent plans no change if the configuration is only another spelling
// of the value in the state.
func KeepEquivalent(same Equivalence) planmodifier.String {
	return keepEquivalent{"A different form of the same value causes no change.", same}
}

type keepEquivalent struct {
	Described
	same Equivalence
}

func (m keepEquivalent) PlanModifyString(_ context.Context, req planmodifier.StringRequest, resp *planmodifier.StringResponse) {
	if req.PlanValue.IsUnknown() || req.PlanValue.IsNull() || req.StateValue.IsNull() || req.PlanValue.Equal(req.StateValue) {
		return
	}
	if m.same(req.StateValue.ValueString(), req.PlanValue.ValueString()) {
		resp.PlanValue = req.StateValue
	}
}
