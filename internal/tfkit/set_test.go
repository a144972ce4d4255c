package tfkit

import (
	"context"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// written is a state that only remembers what is written.
type written []any

func (w *written) Set(_ context.Context, value any) diag.Diagnostics {
	*w = append(*w, value)
	return nil
}

func TestSetChanged(t *testing.T) {
	t.Parallel()
	type part struct{ Name types.String }
	type model struct {
		Part  *part
		Names types.List
	}
	of := func(name string) model {
		return model{&part{types.StringValue(name)}, types.ListValueMust(types.StringType, nil)}
	}
	var to written
	if SetChanged(t.Context(), &to, of("a"), of("a")); len(to) > 0 {
		t.Errorf("the same model is written: %v", to)
	}
	if SetChanged(t.Context(), &to, of("a"), of("b")); len(to) != 1 || to[0].(model).Part.Name.ValueString() != "b" {
		t.Errorf("another model: %v", to)
	}
}
