package kumatest_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"testing"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// An authority is a CA.
type authority struct {
	cert    *x509.Certificate
	private crypto.Signer
	pem     []byte
	key     []byte
}

// newAuthority returns a root CA, changed by edits before it signs itself.
func newAuthority(t *testing.T, name string, edits ...func(*x509.Certificate)) *authority {
	t.Helper()
	template := authorityTemplate(name)
	for _, edit := range edits {
		edit(template)
	}
	return signAuthority(t, template, nil)
}

func authorityTemplate(name string) *x509.Certificate {
	start := newClock().Now().Add(-time.Hour)
	return &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: start, NotAfter: start.AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
}

// below returns a CA that another one signs.
func (a *authority) below(t *testing.T, name string) *authority {
	t.Helper()
	template := *a.cert
	template.Subject, template.RawSubject, template.SubjectKeyId = pkix.Name{CommonName: name}, nil, nil
	template.NotAfter = template.NotBefore.AddDate(10, 0, 0)
	return signAuthority(t, &template, a)
}

func signAuthority(t *testing.T, template *x509.Certificate, parent *authority) *authority {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signAuthorityOf(t, private, template, parent)
}

// signAuthorityOf returns the CA of a key.
func signAuthorityOf(t *testing.T, private crypto.Signer, template *x509.Certificate, parent *authority) *authority {
	t.Helper()
	issuer, signer := template, private
	if parent != nil {
		issuer, signer = parent.cert, parent.private
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, private.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{
		cert, private, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	}
}

// withoutKeyID makes a CA without a subject key identifier, which Go adds to whatever it takes for a CA.
func withoutKeyID(template *x509.Certificate) {
	template.IsCA, template.BasicConstraintsValid = false, false
	template.ExtraExtensions = append(template.ExtraExtensions, pkix.Extension{
		Id: asn1.ObjectIdentifier{2, 5, 29, 19}, Critical: true, Value: []byte{0x30, 0x03, 0x01, 0x01, 0xff}, // CA:TRUE
	})
}

// A rotation is a mesh named m, whose backend ca-1 has CA a, with proxies.
type rotation struct {
	*kumatest.ControlPlane
	t       *testing.T
	clock   *clock
	a, b    *authority
	pair    string // the pair of secrets that the mesh names
	backend object // what the backend has besides
}

// newRotation makes a mesh whose proxies dp-1, dp-2, ... have what is due to them and are seen to have it.
func newRotation(t *testing.T, proxies int, opts ...kumatest.Option) *rotation {
	t.Helper()
	r := &rotation{t: t, clock: newClock(), a: newAuthority(t, "A"), b: newAuthority(t, "B"), pair: "first", backend: object{}}
	r.start(proxies, opts...)
	return r
}

func (r *rotation) start(proxies int, opts ...kumatest.Option) {
	r.t.Helper()
	r.ControlPlane = kumatest.New(append(opts, kumatest.Clock(r.clock.Now))...)
	do(r.t, r.ControlPlane, "PUT", "/meshes/m", newMesh("m", nil), http.StatusCreated)
	r.putPair("first", r.a, r.a)
	r.putMesh("first")
	r.pass(5 * time.Second)
	for i := range proxies {
		r.Connect("m", fmt.Sprintf("dp-%d", i+1))
		r.pass(1700 * time.Millisecond) // each has a phase of its own
	}
	r.pass(15 * time.Second)
}

// pass lets time pass.
func (r *rotation) pass(d time.Duration) {
	r.clock.Advance(d)
	r.Advance()
}

// putPair puts secrets named after a pair: the key of one CA, and a chain.
func (r *rotation) putPair(pair string, key *authority, chain ...*authority) {
	r.t.Helper()
	var cert []byte
	for _, ca := range chain {
		cert = append(cert, ca.pem...)
	}
	putSecret(r.t, r.ControlPlane, "m", pair+"-cert", cert)
	putSecret(r.t, r.ControlPlane, "m", pair+"-key", key.key)
}

// switchTo uploads a pair, lets the mesh name it, and waits until proxies have it.
func (r *rotation) switchTo(pair string, key *authority, chain ...*authority) {
	r.t.Helper()
	r.putPair(pair, key, chain...)
	r.pass(2 * time.Second)
	r.putMesh(pair)
	r.pass(15 * time.Second)
}

// step is switchTo after which each proxy must have it.
func (r *rotation) step(pair string, key *authority, chain ...*authority) {
	r.t.Helper()
	r.switchTo(pair, key, chain...)
	r.allMustHold(key, chain...)
}

func (r *rotation) deletePair(pair string) {
	r.t.Helper()
	do(r.t, r.ControlPlane, "DELETE", "/meshes/m/secrets/"+pair+"-cert", nil, http.StatusOK)
	do(r.t, r.ControlPlane, "DELETE", "/meshes/m/secrets/"+pair+"-key", nil, http.StatusOK)
}

func (r *rotation) putMesh(pair string) {
	r.t.Helper()
	r.pair = pair
	do(r.t, r.ControlPlane, "PUT", "/meshes/m", r.mesh(), http.StatusOK)
}

// mesh is the document of the mesh as it is.
func (r *rotation) mesh() object {
	mtls := provided(r.pair+"-cert", r.pair+"-key", "ca-1")
	maps.Copy(mtls["mtls"].(object)["backends"].([]object)[0], r.backend)
	return newMesh("m", mtls)
}

// touch changes something inside mtls.
func (r *rotation) touch() {
	r.t.Helper()
	r.backend["dpCert"] = object{"rotation": object{"expiration": "1d"}, "requestTimeout": fmt.Sprintf("%ds", r.clock.Now().UnixNano()%1000)}
	r.putMesh(r.pair)
}

// refused counts handshakes, and those that were refused, at each moment from now on.
func (r *rotation) refused() (tried, refused *int) {
	tried, refused = new(int), new(int)
	r.Watch(func(time.Time) {
		all, some := r.Handshakes("m")
		*tried += all
		*refused += len(some)
	})
	return tried, refused
}

// mustHold fails the test unless a proxy has an identity of a CA and trusts in exactly those.
func (r *rotation) mustHold(p *kumatest.Proxy, issuer *authority, trusted ...*authority) {
	r.t.Helper()
	got := p.Holds()
	if got.Identity == nil {
		r.t.Fatalf("%s has no identity", p.Name())
	}
	if err := got.Identity.CheckSignatureFrom(issuer.cert); err != nil {
		r.t.Errorf("%s: identity by %q, want %q", p.Name(), got.Identity.Issuer, issuer.cert.Subject)
	}
	same := len(got.Bundle) == len(trusted)
	for i := 0; same && i < len(trusted); i++ {
		same = got.Bundle[i].Equal(trusted[i].cert)
	}
	if !same {
		r.t.Errorf("%s trusts in %d certificates, want %d others", p.Name(), len(got.Bundle), len(trusted))
	}
}

func (r *rotation) allMustHold(issuer *authority, trusted ...*authority) {
	r.t.Helper()
	for _, p := range r.Proxies("m") {
		r.mustHold(p, issuer, trusted...)
	}
}

// A seen is what the overview says of a proxy.
type seen struct {
	Subscriptions []struct {
		ID, DisconnectTime string
		ConnectTime        time.Time
		Status             struct {
			LastUpdateTime time.Time
			Total          struct {
				Sent         int `json:"responsesSent,string"`
				Acknowledged int `json:"responsesAcknowledged,string"`
				Rejected     int `json:"responsesRejected,string"`
			}
		}
	}
	MTLS *struct {
		Made          time.Time `json:"lastCertificateRegeneration"`
		Expires       time.Time `json:"certificateExpirationTime"`
		Regenerations int       `json:"certificateRegenerations"`
		IssuedBackend string
		Supported     []string `json:"supportedBackends"`
	}
}

func (r *rotation) see(p *kumatest.Proxy) seen {
	r.t.Helper()
	var overview struct{ DataplaneInsight seen }
	body := do(r.t, r.ControlPlane, "GET", "/meshes/m/dataplanes/"+p.Resource()+"/_overview", nil, http.StatusOK)
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&overview); err != nil {
		r.t.Fatalf("%v\n%s", err, body)
	}
	return overview.DataplaneInsight
}

// online reports whether the overview takes a proxy for connected.
func (s seen) online() bool {
	return len(s.Subscriptions) > 0 && s.Subscriptions[len(s.Subscriptions)-1].DisconnectTime == ""
}
