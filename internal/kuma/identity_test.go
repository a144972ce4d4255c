package kuma

import (
	"slices"
	"testing"
)

// Only sources that the document uses count, and only their secrets.
func TestIdentitySecrets(t *testing.T) {
	secret := func(name string) string {
		return `{"type":"Secret","secretRef":{"kind":"Secret","name":"` + name + `"}}`
	}
	in := func(ca string) string { return `{"spec":{"provider":{"type":"Bundled","bundled":{"ca":` + ca + `}}}}` }
	for document, want := range map[string][]string{
		`{}`: nil,
		in(`{"certificate":` + secret("c") + `,"privateKey":` + secret("k") + `}`):                                                           {"c", "k"},
		in(`{"certificate":{"type":"File","file":{"path":"/c"},"secretRef":{"kind":"Secret","name":"c"}},"privateKey":` + secret("k") + `}`): {"k"},
		`{"spec":{"provider":{"type":"Spire","spire":{}}}}`:                                                                                  nil,
	} {
		got, err := IdentitySecrets(mustParse(t, document))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s uses %q, not %q: %v", document, got, want, err)
		}
	}
	if _, err := IdentitySecrets(mustParse(t, in(`{"certificate":"c"}`))); err == nil {
		t.Error("a document of another form is read")
	}
}

// The zone is not known before the control plane has the identity; all else is.
func TestIsIdentity(t *testing.T) {
	for kri, want := range map[string]bool{
		"kri_mid_m_default__i_":   true,
		"kri_mid_m___i_":          true,
		"kri_mid_m_east_ns_i_":    true,
		"kri_mid_m_default__i2_":  false,
		"kri_mid_m_i_":            false,
		"kri_mid_m2_default__i_":  false,
		"kri_mtrust_m_default_i_": false,
		"kri_mtrust_m___i_":       false,
		"":                        false,
	} {
		if IsIdentity(kri, "m", "i") != want {
			t.Errorf("%q: %t", kri, !want)
		}
	}
}
