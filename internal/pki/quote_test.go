package pki

import (
	"encoding/base64"
	"strings"
	"testing"
)

// PEM is known wherever it begins, also in base64, and is not shown.
func TestQuote(t *testing.T) {
	t.Parallel()
	const key = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----\n"
	for _, before := range []string{"", "\n", "\r\n", "a key", "x = "} {
		for _, text := range []string{before + key, base64.StdEncoding.EncodeToString([]byte(before + key)), before + base64.URLEncoding.EncodeToString([]byte(key))} {
			if got := Quote(text); !HoldsPEM(text) || strings.Contains(got, "MHcC") || strings.Contains(got, "LS0t") {
				t.Errorf("%q is quoted as %s", text, got)
			}
		}
	}
	for text, want := range map[string]string{"": `""`, "a\n": `"a\n"`, "-----begin": `"-----begin"`, "LS0tLS0t": `"LS0tLS0t"`} {
		if got := Quote(text); HoldsPEM(text) || got != want {
			t.Errorf("%q is quoted as %s", text, got)
		}
	}
}
