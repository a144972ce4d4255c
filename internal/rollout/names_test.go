package rollout

import (
	"strings"
	"testing"
)

func FuzzCAName(f *testing.F) {
	f.Add("ca-0123456789-cert", "ca-0123456789-key")
	f.Add("ca.cert", "ca.key")
	f.Add("-0123456789-cert", "-0123456789-key")
	f.Add("a-b-0123456789-cert", "a-c-0123456789-key")
	f.Fuzz(func(t *testing.T, certificate, key string) {
		name, ok := CAName(certificate, key)
		if !ok {
			return
		}
		prefix, found := strings.CutSuffix(certificate, "-cert")
		if !found || key != prefix+"-key" || !strings.HasPrefix(prefix, name+"-") || len(prefix) != len(name)+1+fingerprintLength || name == "" {
			t.Errorf("%q and %q are of %q", certificate, key, name)
		}
	})
}
