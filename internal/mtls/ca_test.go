package mtls

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// The rules know the backend: how long its certificates live, and the mesh whose
// name is in them.
func TestCheckCA_knowsTheBackend(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	authority := func(permitted ...string) []byte {
		template := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, NotBefore: now.AddDate(0, -1, 0), NotAfter: now.AddDate(1, 0, 0),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, PermittedURIDomains: permitted,
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	for name, test := range map[string]struct {
		expiration string
		ca         []byte
		severity   diag.Severity
		want       string
	}{
		"good":                         {"1d", authority(), diag.SeverityInvalid, ""},
		"certificates outlive the CA":  {"2y", authority(), diag.SeverityWarning, "CA material: expires soon"},
		"mesh and tags are permitted":  {"1d", authority("payments", "kuma.io"), diag.SeverityWarning, "CA material: name constraints"},
		"the mesh is not permitted":    {"1d", authority("default", "kuma.io"), diag.SeverityError, "CA material: name constraints"},
		"the tags are not permitted":   {"1d", authority("payments"), diag.SeverityError, "CA material: name constraints"},
		"hidden by a byte order mark":  {"1d", append([]byte("\ufeff"), authority()...), diag.SeverityError, "CA material: pem byte order mark"},
		"not known yet when it is bad": {"1d", nil, diag.SeverityInvalid, ""},
	} {
		plan := model{
			Mesh: types.StringValue("payments"),
			entry: entry{
				Cert: &dataSource{Secret: types.StringValue("cert")}, Key: &dataSource{Secret: types.StringValue("key")},
				DPCert: &dpCertModel{Rotation: &rotationModel{Expiration: types.StringValue(test.expiration)}},
			},
		}
		var diags diag.Diagnostics
		checkCA(plan, tfkit.CASource{PEM: test.ca}, tfkit.CASource{}, now, &diags)
		var said []string
		for _, d := range diags {
			said = append(said, d.Severity().String()+" "+d.Summary())
		}
		want := ""
		if test.want != "" {
			want = test.severity.String() + " " + test.want
		}
		if got := strings.Join(said, ", "); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
