package kumatest_test

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// identityVersions are those that have MeshIdentity.
var identityVersions = []string{"2.14.3", "3.0-dev"}

// eachVersion runs a test for each version that has MeshIdentity.
func eachVersion(t *testing.T, test func(t *testing.T, version string)) {
	t.Helper()
	for _, version := range identityVersions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			test(t, version)
		})
	}
}

// An issuing is a mesh named m whose proxies have certificates from the MeshIdentity i.
type issuing struct {
	rotation
	version string
	bundled object // what the provider has besides the CA
	touched int
	domain  string // of the trusts
}

// everybody selects all proxies.
var everybody = object{"dataplane": object{"matchLabels": object{}}}

const ownTrust = "own"

// newIssuing makes a mesh with proxies dp-1, dp-2, ... that have certificates of the CA a. Unless generated is true, they
// trust it because of the MeshTrust own.
func newIssuing(t *testing.T, version string, proxies int, generated bool, opts ...kumatest.Option) *issuing {
	t.Helper()
	i := &issuing{version: version, bundled: object{}, domain: "m.default.mesh.local"}
	i.rotation = rotation{t: t, clock: newClock(), a: newAuthority(t, "A"), b: newAuthority(t, "B"), pair: "first"}
	i.ControlPlane = kumatest.New(append(opts, kumatest.Version(version), kumatest.Clock(i.clock.Now))...)
	do(t, i.ControlPlane, http.MethodPut, "/meshes/m", newMesh("m", object{"meshServices": object{"mode": "Exclusive"}}), http.StatusCreated)
	i.putPair("first", i.a, i.a)
	if !generated {
		i.bundled["meshTrustCreation"] = "Disabled"
		i.putTrust(ownTrust, i.a)
	}
	i.putIdentity("first")
	i.pass(12 * time.Second)
	i.connect(proxies)
	return i
}

// connect connects the proxies dp-1, dp-2, ..., and waits until they are seen to have what is due to them.
func (i *issuing) connect(proxies int) {
	for n := range proxies {
		i.Connect("m", fmt.Sprintf("dp-%d", n+1))
		i.pass(1700 * time.Millisecond) // each has a phase of its own
	}
	i.pass(20 * time.Second)
}

func (i *issuing) put(path, kind, name string, labels, spec object) {
	i.t.Helper()
	document := object{"type": kind, "mesh": "m", "name": name, "spec": spec}
	if len(labels) > 0 {
		document["labels"] = labels
	}
	if status, answer := i.Do(http.MethodPut, "/meshes/m/"+path+"/"+name, document); status > http.StatusCreated {
		i.t.Fatalf("PUT %s %s: status %d\n%s", kind, name, status, answer)
	}
}

// putTrust writes a MeshTrust for the trust domain of the identities.
func (i *issuing) putTrust(name string, cas ...*authority) {
	i.t.Helper()
	var bundles []object
	for _, ca := range cas {
		bundles = append(bundles, object{"type": "Pem", "pem": object{"value": string(ca.pem)}})
	}
	i.put("meshtrusts", "MeshTrust", name, nil, object{"trustDomain": i.domain, "caBundles": bundles})
}

// spec is that of an identity with a pair of secrets.
func (i *issuing) spec(pair string, selector object) object {
	bundled := secrets(pair)
	maps.Copy(bundled, i.bundled)
	spec := object{"selector": selector, "provider": object{"type": "Bundled", "bundled": bundled}}
	if i.domain == "m.example" {
		spec["spiffeID"] = object{"trustDomain": i.domain}
	}
	return spec
}

// putIdentity lets the identity i name a pair.
func (i *issuing) putIdentity(pair string) {
	i.t.Helper()
	i.pair = pair
	i.putAs("i", i.spec(pair, everybody))
}

func (i *issuing) putAs(name string, spec object) {
	i.t.Helper()
	labels := object{}
	if i.touched > 0 && name == "i" {
		labels["touched"] = fmt.Sprint(i.touched)
	}
	i.put("meshidentities", "MeshIdentity", name, labels, spec)
}

// touch writes the identity with another label.
func (i *issuing) touch() {
	i.t.Helper()
	i.touched++
	i.putIdentity(i.pair)
}

func (i *issuing) remove(path string) {
	i.t.Helper()
	do(i.t, i.ControlPlane, http.MethodDelete, "/meshes/m/"+path, nil, http.StatusOK)
}

// issuedBy counts the proxies with a certificate of a CA.
func (i *issuing) issuedBy(ca *authority) int {
	n := 0
	for _, p := range i.Proxies("m") {
		if h := p.Holds(); h.Identity != nil && bytes.Equal(h.Identity.AuthorityKeyId, ca.cert.SubjectKeyId) {
			n++
		}
	}
	return n
}

// plain counts the proxies that speak plaintext.
func (i *issuing) plain() int {
	n := 0
	for _, p := range i.Proxies("m") {
		if p.Plaintext() {
			n++
		}
	}
	return n
}
