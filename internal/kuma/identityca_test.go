package kuma

import "testing"

// The CA of a MeshIdentity is where its sources point to, each by its own type,
// or in secrets that the control plane generates.
func TestIdentityCA(t *testing.T) {
	const secret = `{"type": "Secret", "secretRef": {"name": "key"}, "file": {"path": "/ignored"}}`
	of := func(certificate string) string {
		return `{"bundled": {"ca": {"certificate": ` + certificate + `, "privateKey": ` + secret + `}}}`
	}
	for name, test := range map[string]struct {
		provider         string
		certificate, key DataSource
	}{
		"secret":    {of(`{"type": "Secret", "secretRef": {"name": "cert"}}`), DataSource{Secret: "cert"}, DataSource{Secret: "key"}},
		"inline":    {of(`{"type": "InsecureInline", "insecureInline": {"value": "PEM"}}`), DataSource{InlineString: "PEM"}, DataSource{Secret: "key"}},
		"file":      {of(`{"type": "File", "file": {"path": "/ca.pem"}}`), DataSource{File: "/ca.pem"}, DataSource{Secret: "key"}},
		"variable":  {of(`{"type": "EnvVar", "envVar": {"name": "CA"}}`), DataSource{EnvVar: "CA"}, DataSource{Secret: "key"}},
		"generated": {`{"bundled": {"autogenerate": {"enabled": true}}}`, DataSource{Secret: "shown-root-ca"}, DataSource{Secret: "shown-private-key"}},
		"spire":     {`{"spire": {}}`, DataSource{}, DataSource{}},
	} {
		identity, err := ParseDocument([]byte(`{"name": "i-hash", "labels": {"kuma.io/display-name": "shown"}, "spec": {"provider": ` + test.provider + `}}`))
		if err != nil {
			t.Fatal(err)
		}
		certificate, key, err := IdentityCA(identity)
		if err != nil || certificate != test.certificate || key != test.key {
			t.Errorf("%s: %v, %v, %v", name, certificate, key, err)
		}
	}
}
