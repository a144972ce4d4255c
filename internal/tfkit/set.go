package tfkit

import (
	"context"
	"reflect"

	"github.com/hashicorp/terraform-plugin-framework/diag"
)

// SetChanged writes a model to the state or plan that before was read from,
// unless it is unchanged. Most models are, and a write takes longer than the
// rest of a refresh.
func SetChanged[M any](ctx context.Context, to interface {
	Set(ctx context.Context, value any) diag.Diagnostics
}, before, now M,
) diag.Diagnostics {
	if reflect.DeepEqual(before, now) {
		return nil
	}
	return to.Set(ctx, now)
}
