package mtls_test

import (
	"strings"
	"testing"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/mtls"
)

// A refusal goes to the attribute that the field comes from, and one of
// another backend says whose it is.
func TestRefusedFields(t *testing.T) {
	t.Parallel()
	fields := map[string]string{
		// As recorded.
		"mtls":                              "mesh",
		"mtls.enabledBackend":               "enabled",
		"mtls.backends":                     "name",
		"mtls.backends[1].name":             "name",
		"mtls.backends[1].type":             "name",
		"mtls.backends[1].conf":             "cert",
		"mtls.backends[1].conf.cert":        "cert.secret",
		"mtls.backends[1].conf.cert[0]":     "cert.secret",
		"mtls.backends[1].conf.cert.secret": "cert.secret",
		"mtls.backends[1].conf.key":         "key.file",
		"mtls.backends[1].conf.key.secret":  "key.file",
		"mtls.dpcert.rotation.expiration":   "dp_cert.rotation.expiration",
		"name":                              "mesh",
		"mesh":                              "mesh",
		"type":                              "mesh",
		`labels["ok"]`:                      "mesh",
		`labels["bad key!"]`:                "mesh",
		`labels["kuma.io/mesh"]`:            "mesh",
		`labels["kuma.io/origin"]`:          "mesh",
		// As the document has them.
		"":                                 "mesh",
		"mtls.skipValidation":              "skip_validation",
		"mtls.more":                        "mesh",
		"mtls.backends[1]":                 "name",
		"mtls.backends[1].mode":            "mode",
		"mtls.backends[1].more":            "name",
		"mtls.backends[1].dpCert":          "dp_cert",
		"mtls.backends[1].dpCert.rotation": "dp_cert.rotation",
		"mtls.backends[1].dpCert.rotation.expiration": "dp_cert.rotation.expiration",
		"mtls.backends[1].dpCert.requestTimeout":      "dp_cert.request_timeout",
		"mtls.backends[1].rootChain":                  "root_chain",
		"mtls.backends[1].rootChain.requestTimeout":   "root_chain.request_timeout",
		"mtls.backends[9].conf.cert":                  "cert.secret",
	}
	for field, want := range fields {
		at, advice := mtls.AttributeOf(field, "ours", "other", "ours")
		if at.String() != want || strings.Contains(advice, "does not manage") {
			t.Errorf("%s is put on %s, not on %s%s", field, at, want, advice)
		}
		acctest.HasAttribute(t, mtls.NewResource(), at)
	}
	for _, field := range acctest.RefusedFields(t) {
		field := strings.Replace(field, "mtls.backends[0]", "mtls.backends[1]", 1) // ours is the second here
		if _, ok := fields[field]; !ok {
			t.Errorf("%s is recorded, and not in this table", field)
		}
	}
	at, advice := mtls.AttributeOf("mtls.backends[0].conf.cert", "ours", "other", "ours")
	if at.String() != "mesh" || !strings.Contains(advice, `backend is "other", which this resource does not manage`) {
		t.Errorf("of another backend it says %s%s", at, advice)
	}
}
