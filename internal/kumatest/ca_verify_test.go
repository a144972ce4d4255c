package kumatest_test

import (
	"crypto/x509"
	"testing"
	"time"
)

// TestPeer_verifiesAsEnvoy lets proxies hold an identity of one CA and a trust bundle, and verify one another.
func TestPeer_verifiesAsEnvoy(t *testing.T) {
	t.Parallel()
	permit := func(domains ...string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.PermittedURIDomains = domains }
	}
	exclude := func(domains ...string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExcludedURIDomains = domains }
	}
	usages := func(usages ...x509.ExtKeyUsage) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExtKeyUsage = usages }
	}
	short := func(c *x509.Certificate) { c.NotAfter = c.NotBefore.Add(2 * time.Hour) }
	ca, sameName := newAuthority(t, "CA"), newAuthority(t, "CA")
	noID, sameNameNoID := newAuthority(t, "CA", withoutKeyID), newAuthority(t, "CA", withoutKeyID)
	root, shortRoot := newAuthority(t, "root"), newAuthority(t, "root", short)
	below, belowShort := root.below(t, "below"), shortRoot.below(t, "below")
	type given struct {
		issuer  *authority
		trusted []*authority
		refused bool
	}
	alone := func(refused bool, edit func(*x509.Certificate)) given {
		ca := newAuthority(t, "CA", edit)
		return given{ca, []*authority{ca}, refused}
	}
	for name, test := range map[string]given{
		"its CA":                               {ca, []*authority{ca}, false},
		"its CA behind another":                {ca, []*authority{root, ca}, false},
		"another CA":                           {ca, []*authority{root}, true},
		"another CA of its subject":            {noID, []*authority{sameNameNoID}, true},
		"same subject, key identifiers":        {ca, []*authority{sameName, ca}, false},
		"same subject, no key identifiers":     {noID, []*authority{noID, sameNameNoID}, false},
		"the other one first":                  {noID, []*authority{sameNameNoID, noID}, true},
		"the one without key identifier first": {ca, []*authority{noID, ca}, true},
		"an intermediate CA alone":             {below, []*authority{below}, false},
		"an intermediate CA and its root":      {below, []*authority{below, root}, false},
		"an expired root behind it":            {belowShort, []*authority{belowShort, shortRoot}, true},
		"for servers and clients":              alone(false, usages(x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth)),
		"for servers alone":                    alone(true, usages(x509.ExtKeyUsageServerAuth)),
		"for clients alone":                    alone(true, usages(x509.ExtKeyUsageClientAuth)),
		"for any usage":                        alone(true, usages(x509.ExtKeyUsageAny)),
		"permitted are all its names":          alone(false, permit("m", "kuma.io")),
		"permitted is the mesh alone":          alone(true, permit("m")),
		"permitted are names below a domain":   alone(false, permit("m", ".io")),
		"permitted is a domain above":          alone(true, permit("m", "io")),
		"excluded is the mesh":                 alone(true, exclude("m")),
		"excluded is another mesh":             alone(false, exclude("other")),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &rotation{t: t, clock: newClock(), a: test.issuer, pair: "first", backend: object{}}
			r.start(1)
			of := r.Proxies("m")[0]
			of.Disconnect()
			r.putPair("second", test.trusted[0], test.trusted...)
			r.pass(2 * time.Second)
			r.putMesh("second")
			r.pass(2 * time.Second)
			by := r.Connect("m", "by")
			r.pass(2 * time.Second)
			r.mustHold(of, test.issuer, test.issuer)
			r.mustHold(by, test.trusted[0], test.trusted...)
			err := by.Accepts(of, r.clock.Now().Add(3*time.Hour))
			if refused := err != nil; refused != test.refused {
				t.Errorf("refused: %t, want %t (%v)", refused, test.refused, err)
			}
		})
	}
}

// TestRotationEqualSubjects goes to a CA with the subject of the one before. With key identifiers no handshake is refused.
// Without, those are that meet the bundles of the second step.
func TestRotationEqualSubjects(t *testing.T) {
	t.Parallel()
	for name, edits := range map[string][]func(*x509.Certificate){"with key identifiers": nil, "without": {withoutKeyID}} {
		r := &rotation{t: t, clock: newClock(), a: newAuthority(t, "CA", edits...), b: newAuthority(t, "CA", edits...), pair: "first", backend: object{}}
		r.start(3)
		tried, refused := r.refused()
		r.step("trust", r.a, r.a, r.b)
		if *refused != 0 {
			t.Errorf("%s: %d refused before anything is issued by the new CA", name, *refused)
		}
		r.step("issue", r.b, r.b, r.a)
		r.step("drop", r.b, r.b)
		if expected := edits != nil; *tried == 0 || (*refused > 0) != expected {
			t.Errorf("%s: %d of %d handshakes refused", name, *refused, *tried)
		}
		if left := r.Refusals("m"); len(left) > 0 {
			t.Errorf("%s: still refused: %v", name, left)
		}
	}
}
