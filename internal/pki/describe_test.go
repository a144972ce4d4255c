package pki

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"math/big"
	"net/url"
	"slices"
	"testing"
)

// TestDescribe holds the description of real certificates against a file.
func TestDescribe(t *testing.T) {
	var infos []CertificateInfo
	for _, name := range []string{"pki/chain1.crt", "pki/sample.crt", "pki/ec.crt", "pki/ed.crt", "pki/noku.crt", "proxy-certificates/issued-by-ec.crt"} {
		for _, cert := range readCerts(t, name) {
			infos = append(infos, Describe(cert))
		}
	}
	text, err := json.MarshalIndent(infos, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "described.golden", string(text)+"\n")
}

func TestDescribeOddities(t *testing.T) {
	info := Describe(makeCA(t, "CA", nil, func(c *x509.Certificate) {
		c.SerialNumber = big.NewInt(10)
		c.MaxPathLen = 3
		c.KeyUsage = 1<<9 - 1
		c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny, x509.ExtKeyUsageMicrosoftKernelCodeSigning}
		c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{1, 2, 3}}
		c.URIs = []*url.URL{{Scheme: "spiffe", Host: "default"}}
	}).cert)
	if info.SerialNumber != "0a" || info.PathLength != 3 || info.PublicKeySize != 256 || !slices.Equal(info.URIs, []string{"spiffe://default"}) {
		t.Errorf("%+v", info)
	}
	if want := keyUsageNames[:]; !slices.Equal(info.KeyUsages, want) {
		t.Errorf("key usages %v, want %v", info.KeyUsages, want)
	}
	if want := []string{"anyExtendedKeyUsage", "msKernelCode", "1.2.3"}; !slices.Equal(info.ExtKeyUsages, want) {
		t.Errorf("extended key usages %v, want %v", info.ExtKeyUsages, want)
	}
	if leaf := Describe(readCerts(t, "proxy-certificates/issued-by-ec.crt")[0]); leaf.PathLength != -1 || leaf.IsCA || leaf.Subject != "" {
		t.Errorf("%+v", leaf)
	}
	if got := extKeyUsageName(x509.ExtKeyUsage(len(extKeyUsageNames))); got != "unknown" {
		t.Errorf("got %q", got)
	}
}
