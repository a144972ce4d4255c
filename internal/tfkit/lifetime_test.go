package tfkit_test

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

func TestLifetime(t *testing.T) {
	t.Parallel()
	const invalid, tooShort, short, fine = "Invalid duration", "Certificate lifetime is too short", "Certificate lifetime is short", ""
	for text, want := range map[string]string{
		"0": tooShort, "0s": tooShort, "1ms": tooShort, "5s": tooShort, "59s": tooShort, "59999ms": tooShort,
		"60s": short, "1m": short, "5m": short, "599s": short,
		"10m": fine, "600s": fine, "24h": fine, "1d": fine, "10y": fine,
		"": invalid, "1h30m": invalid, "soon": invalid, "-1s": invalid,
	} {
		resp := &validator.StringResponse{}
		tfkit.Lifetime().ValidateString(t.Context(), validator.StringRequest{Path: path.Root("expiration"), ConfigValue: types.StringValue(text)}, resp)
		got := ""
		for _, d := range resp.Diagnostics {
			got += d.Summary()
		}
		if got != want || resp.Diagnostics.HasError() != (want == invalid || want == tooShort) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	for _, value := range []types.String{types.StringNull(), types.StringUnknown()} {
		resp := &validator.StringResponse{}
		tfkit.Lifetime().ValidateString(t.Context(), validator.StringRequest{Path: path.Root("expiration"), ConfigValue: value}, resp)
		if len(resp.Diagnostics) > 0 {
			t.Errorf("%s: %v", value, resp.Diagnostics)
		}
	}
}
