package tfkit

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
)

// PrivateReader is a private state that can be read. The framework does not
// export its types.
type PrivateReader interface {
	GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
}

// PrivateWriter is a private state that can be written.
type PrivateWriter interface {
	SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
}

// LoadPrivate returns a value that [KeepPrivate] wrote. ok is false if there is
// none.
func LoadPrivate[T any](ctx context.Context, private PrivateReader, key string, diags *diag.Diagnostics) (value T, ok bool) {
	encoded, more := private.GetKey(ctx, key)
	diags.Append(more...)
	if encoded == nil || json.Unmarshal(encoded, &value) != nil {
		var none T
		return none, false
	}
	return value, true
}

// KeepPrivate writes a value to a private state, as JSON.
func KeepPrivate(ctx context.Context, private PrivateWriter, key string, value any, diags *diag.Diagnostics) {
	encoded, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("a value for the private state has no JSON form: %s", err))
	}
	diags.Append(private.SetKey(ctx, key, encoded)...)
}
