package pki

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// recordedTags are those of the recorded proxy certificates.
var recordedTags = map[string][]string{
	"kuma.io/service":  {"backend-admin", "backend"},
	"kuma.io/protocol": {"http"},
	"kuma.io/zone":     {"east"},
	"version":          {"v2", "v1", "v2"},
}

// readCA reads a CA of testdata/pki.
func readCA(t testing.TB, chain, key string) CA {
	t.Helper()
	return CA{Bundle{Chain: readCerts(t, "pki/"+chain+".crt")}, readKey(t, "pki/"+key+".key")}
}

// verify verifies what a proxy presents as a peer with these roots does.
func verify(issued *ProxyCertificate, roots []*x509.Certificate, at time.Time) error {
	trusted, presented := x509.NewCertPool(), x509.NewCertPool()
	for _, root := range roots {
		trusted.AddCert(root)
	}
	for _, cert := range issued.Chain[1:] {
		presented.AddCert(cert)
	}
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		if _, err := issued.Leaf.Verify(x509.VerifyOptions{
			Roots: trusted, Intermediates: presented, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{usage},
		}); err != nil {
			return err
		}
	}
	return nil
}

// TestProfile compares with certificates of a real control plane field by
// field: only key, serial number and signature may differ.
func TestProfile(t *testing.T) {
	for name, ca := range map[string]CA{
		"root": readCA(t, "root", "root"), "int1": readCA(t, "chain1", "int1"), "sample": readCA(t, "sample", "sample"),
		"ec": readCA(t, "ec", "ec"), "ed": readCA(t, "ed", "ed"),
	} {
		recorded, problems := ParseCertificates(read(t, "proxy-certificates/issued-by-"+name+".crt"))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		want := recorded[0]
		request := ProxyRequest{Mesh: "default", Tags: recordedTags, Expiration: 24 * time.Hour}
		issued, err := Issue(ca, request, want.NotBefore.Add(clockSkew), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		derived, err := Derive(ca, request, want.NotBefore)
		if err != nil {
			t.Fatal(err)
		}
		for how, got := range map[string]*x509.Certificate{"issued": issued.Leaf, "derived": derived.Leaf} {
			t.Run(name+" "+how, func(t *testing.T) { compareProfile(t, got, want) })
		}
		if !issued.Leaf.NotBefore.Equal(want.NotBefore) || !issued.Leaf.NotAfter.Equal(want.NotAfter) {
			t.Errorf("%s: valid from %s to %s", name, issued.Leaf.NotBefore, issued.Leaf.NotAfter)
		}
		if key, ok := issued.Leaf.PublicKey.(*rsa.PublicKey); !ok || key.N.BitLen() != 2048 || key.E != want.PublicKey.(*rsa.PublicKey).E {
			t.Errorf("%s: issued for a key %T", name, issued.Leaf.PublicKey)
		}
	}
}

func compareProfile(t *testing.T, got, want *x509.Certificate) {
	for field, values := range map[string][2]any{
		"version":             {got.Version, want.Version},
		"subject":             {fmt.Sprintf("%x", got.RawSubject), fmt.Sprintf("%x", want.RawSubject)},
		"issuer":              {fmt.Sprintf("%x", got.RawIssuer), fmt.Sprintf("%x", want.RawIssuer)},
		"signature algorithm": {got.SignatureAlgorithm, want.SignatureAlgorithm},
		"lifetime":            {got.NotAfter.Sub(got.NotBefore), want.NotAfter.Sub(want.NotBefore)},
		"extensions":          {len(got.Extensions), len(want.Extensions)},
	} {
		if values[0] != values[1] {
			t.Errorf("%s: %v, want %v", field, values[0], values[1])
		}
	}
	for i, extension := range want.Extensions {
		if e := got.Extensions[i]; !e.Id.Equal(extension.Id) || e.Critical != extension.Critical || !bytes.Equal(e.Value, extension.Value) {
			t.Errorf("extension %d: %v, want %v", i, e, extension)
		}
	}
	if got.SerialNumber.Sign() < 1 || got.SerialNumber.BitLen() > 128 || got.SerialNumber.BitLen() < 64 {
		t.Errorf("serial number %s", got.SerialNumber)
	}
}

func TestIssued(t *testing.T) {
	ca := readCA(t, "chain2", "int2")
	ca.Trusted = readCerts(t, "pki/ec.crt")
	request := ProxyRequest{Mesh: "default", Tags: recordedTags}
	issued, err := Issue(ca, request, now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Issue(ca, request, now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	derived, err := Derive(ca, request, now)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(issued.PrivateKey, again.PrivateKey) || issued.Leaf.SerialNumber.Cmp(again.Leaf.SerialNumber) == 0 {
		t.Error("two certificates share a key or a serial number")
	}
	wantURIs := []string{
		"spiffe://default/backend", "spiffe://default/backend-admin",
		"kuma://kuma.io/protocol/http", "kuma://kuma.io/service/backend", "kuma://kuma.io/service/backend-admin",
		"kuma://kuma.io/zone/east", "kuma://version/v1", "kuma://version/v2",
	}
	for name, c := range map[string]*ProxyCertificate{"issued": issued, "derived": derived} {
		t.Run(name, func(t *testing.T) {
			if c.SPIFFEID != wantURIs[0] || !slices.Equal(c.URIs, wantURIs) {
				t.Errorf("%s and %v", c.SPIFFEID, c.URIs)
			}
			if !SameCertificates(c.Chain, append([]*x509.Certificate{c.Leaf}, ca.Chain[:2]...)) {
				t.Errorf("%d certificates in the chain", len(c.Chain))
			}
			if !SameCertificates(c.TrustBundle, append(slices.Clone(ca.Chain), ca.Trusted...)) {
				t.Errorf("%d certificates in the trust bundle", len(c.TrustBundle))
			}
			key, problems := ParsePrivateKey(c.PrivateKey)
			if len(problems) > 0 || !SameKey(key.Public(), c.Leaf) {
				t.Errorf("not the leaf's key; %v", problems)
			}
			if c.Leaf.NotAfter.Sub(c.Leaf.NotBefore) != DefaultProxyCertificateLifetime+clockSkew {
				t.Errorf("from %s to %s", c.Leaf.NotBefore, c.Leaf.NotAfter)
			}
			if err := verify(c, ca.Chain[2:], now); err != nil {
				t.Error(err)
			}
			if err := verify(c, ca.Chain[2:], c.Leaf.NotAfter.Add(time.Second)); err == nil {
				t.Error("valid after its end")
			}
			if err := verify(c, ca.Trusted, now); err == nil {
				t.Error("valid for who trusts another CA")
			}
		})
	}
}

// TestIssueWithoutRoot: a chain that ends below its root is presented whole.
func TestIssueWithoutRoot(t *testing.T) {
	derived, err := Derive(readCA(t, "int1", "int1"), ProxyRequest{Mesh: "default", Tags: ServiceTags("web")}, now)
	if err != nil {
		t.Fatal(err)
	}
	if len(derived.Chain) != 2 {
		t.Errorf("%d certificates", len(derived.Chain))
	}
	if err := verify(derived, readCerts(t, "pki/root.crt"), now); err != nil {
		t.Error(err)
	}
}

// TestIssueRefuses: everything that is wrong is in the error, at once.
func TestIssueRefuses(t *testing.T) {
	good := readCA(t, "root", "root")
	request := ProxyRequest{Mesh: "default", Tags: ServiceTags("web")}
	for name, c := range map[string]struct {
		ca      CA
		request ProxyRequest
		want    []string
	}{
		"no CA":          {CA{}, request, []string{"no certificate"}},
		"bad CA":         {readCA(t, "notca", "notca"), request, []string{"Basic constraint CA"}},
		"key of another": {CA{Bundle{Chain: good.Chain}, readKey(t, "pki/ec.key")}, request, []string{"private key does not belong"}},
		"trusted that is no CA": {CA{Bundle{good.Chain, readCerts(t, "pki/notca.crt")}, good.Key}, request,
			[]string{"trusted certificates: certificate 0 (CN=Not CA): Basic"}},
		"no service": {good, ProxyRequest{Mesh: "default"}, []string{"kuma.io/service"}},
		"everything": {CA{Bundle{Chain: readCerts(t, "pki/expired.crt")}, good.Key},
			ProxyRequest{Mesh: "De fault", Tags: map[string][]string{"kuma.io/service": {"a:b"}, "x y": {"z"}}},
			[]string{`"De fault"`, `"a:b"`, `"x y"`, "expired", "private key does not belong"}},
		"short":    {good, ProxyRequest{Mesh: "default", Tags: ServiceTags("web"), Expiration: 999 * time.Millisecond}, []string{"too short"}},
		"negative": {good, ProxyRequest{Mesh: "default", Tags: ServiceTags("web"), Expiration: -time.Hour}, []string{"too short"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, issueErr := Issue(c.ca, c.request, now, rand.Reader)
			_, deriveErr := Derive(c.ca, c.request, now)
			for _, err := range []error{issueErr, deriveErr} {
				if err == nil {
					t.Fatal("no error")
				}
				for _, want := range c.want {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("%q is not in: %v", want, err)
					}
				}
			}
		})
	}
	if _, err := Derive(good, ProxyRequest{Mesh: "default", Tags: ServiceTags("web"), Expiration: 4 * time.Second}, now); err == nil {
		t.Error("derives for 4 s")
	}
	if _, err := Issue(good, request, now, bytes.NewReader(nil)); err == nil {
		t.Error("issues without randomness")
	}
}

// TestIssueSerial: the serial number is made of the random source as the
// control plane makes it, from 1.
func TestIssueSerial(t *testing.T) {
	issued, err := Issue(readCA(t, "ed", "ed"), ProxyRequest{Mesh: "default", Tags: ServiceTags("web")}, now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if issued.Leaf.SerialNumber.Sign() < 1 || issued.Leaf.SerialNumber.Cmp(new(big.Int).Lsh(big.NewInt(1), 128)) >= 0 {
		t.Errorf("serial number %s", issued.Leaf.SerialNumber)
	}
}

// TestHandshake: two proxies with derived certificates talk, each verifying the
// other's SPIFFE ID; one of another mesh or another CA is refused.
func TestHandshake(t *testing.T) {
	derive := func(ca CA, mesh, service string) *ProxyCertificate {
		t.Helper()
		derived, err := Derive(ca, ProxyRequest{Mesh: mesh, Tags: ServiceTags(service)}, now)
		if err != nil {
			t.Fatal(err)
		}
		return derived
	}
	for name, ca := range map[string]CA{
		"RSA": readCA(t, "root", "root"), "ECDSA": readCA(t, "ec", "ec"), "Ed25519": readCA(t, "ed", "ed"), "intermediate": readCA(t, "chain2", "int2"),
	} {
		t.Run(name, func(t *testing.T) {
			web, db := derive(ca, "default", "web"), derive(ca, "default", "db")
			if err := handshake(t, web, db, "spiffe://default/web", "spiffe://default/db"); err != nil {
				t.Error(err)
			}
			if err := handshake(t, web, derive(ca, "other", "db"), "spiffe://default/web", "spiffe://default/db"); err == nil {
				t.Error("accepts a proxy of another mesh")
			}
			stranger := derive(readCA(t, "sample", "sample"), "default", "db")
			if err := handshake(t, web, stranger, "spiffe://default/web", "spiffe://default/db"); err == nil {
				t.Error("accepts a proxy of another CA")
			}
		})
	}
}

// handshake connects a client to a server over TLS 1.3 and returns what either
// of them found wrong.
func handshake(t *testing.T, client, server *ProxyCertificate, clientID, serverID string) error {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	result := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			result <- err
			return
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		result <- tls.Server(conn, peerConfig(t, server, clientID)).Handshake()
	}()
	conn, err := net.DialTimeout("tcp", listener.Addr().String(), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	err = tls.Client(conn, peerConfig(t, client, serverID)).Handshake()
	if err != nil {
		conn.Close() // so that the server does not wait
	}
	return errors.Join(err, <-result)
}

// peerConfig is the configuration of a proxy that expects a SPIFFE ID.
func peerConfig(t *testing.T, own *ProxyCertificate, expected string) *tls.Config {
	pair := tls.Certificate{}
	for _, cert := range own.Chain {
		pair.Certificate = append(pair.Certificate, cert.Raw)
	}
	key, problems := ParsePrivateKey(own.PrivateKey)
	if len(problems) > 0 {
		t.Error(problems)
	}
	pair.PrivateKey = key
	roots := x509.NewCertPool()
	for _, cert := range own.TrustBundle {
		roots.AddCert(cert)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13,
		ClientAuth:         tls.RequireAnyClientCert,
		InsecureSkipVerify: true, // names of hosts mean nothing here; VerifyConnection verifies
		VerifyConnection: func(state tls.ConnectionState) error {
			presented := x509.NewCertPool()
			for _, cert := range state.PeerCertificates[1:] {
				presented.AddCert(cert)
			}
			leaf := state.PeerCertificates[0]
			if _, err := leaf.Verify(x509.VerifyOptions{
				Roots: roots, Intermediates: presented, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
			}); err != nil {
				return err
			}
			if got := leaf.URIs[0].String(); got != expected {
				return fmt.Errorf("the peer is %s, expected %s", got, expected)
			}
			return nil
		},
	}
}
