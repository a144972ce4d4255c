package pki

import (
	"bytes"
	"crypto/elliptic"
	"crypto/rsa"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestDeriveIsTheSameEverywhere holds what is derived against a file: another
// process, machine, version of Go or order of inputs must give the same bytes.
func TestDeriveIsTheSameEverywhere(t *testing.T) {
	var out strings.Builder
	for _, ca := range []struct{ chain, key string }{
		{"root", "root"}, {"root", "root-pkcs1"}, {"ec", "ec"}, {"ec", "ec-sec1"}, {"ed", "ed"}, {"chain2", "int2"},
	} {
		derived, err := Derive(readCA(t, ca.chain, ca.key), ProxyRequest{Mesh: "default", Tags: recordedTags}, now)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%s with %s: certificate %s, public key %s, serial number %s\n",
			ca.chain, ca.key, Fingerprint(derived.Leaf), PublicKeySHA256(derived.Leaf.PublicKey), Describe(derived.Leaf).SerialNumber)
	}
	cas := identityCAs(t)
	for _, name := range slices.Sorted(maps.Keys(cas)) {
		derived, err := Derive(cas[name], ProxyRequest{SPIFFEID: webID}, now)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "identity from %s: certificate %s, public key %s, serial number %s\n",
			name, Fingerprint(derived.Leaf), PublicKeySHA256(derived.Leaf.PublicKey), Describe(derived.Leaf).SerialNumber)
	}
	golden(t, "derived.golden", out.String())
}

// TestDeriveDependsOnEverything: each input by itself changes key and serial
// number, and what is no different input changes nothing.
func TestDeriveDependsOnEverything(t *testing.T) {
	ca := readCA(t, "ec", "ec")
	derive := func(ca CA, r ProxyRequest, at time.Time) *ProxyCertificate {
		t.Helper()
		derived, err := Derive(ca, r, at)
		if err != nil {
			t.Fatal(err)
		}
		return derived
	}
	request := ProxyRequest{Mesh: "default", Tags: map[string][]string{ServiceTag: {"web", "db"}, "version": {"1"}}}
	first := derive(ca, request, now)

	for name, same := range map[string]*ProxyCertificate{
		"again":               derive(ca, request, now),
		"other order":         derive(ca, ProxyRequest{Mesh: "default", Tags: map[string][]string{"version": {"1", "1"}, ServiceTag: {"db", "web"}}}, now),
		"default spelled out": derive(ca, ProxyRequest{Mesh: "default", Tags: request.Tags, Expiration: 24*time.Hour + time.Millisecond}, now),
		"another time zone":   derive(ca, request, now.In(time.FixedZone("X", 3600))),
		"further trusted CAs": derive(CA{Bundle{ca.Chain, readCerts(t, "pki/ed.crt")}, ca.Key}, request, now),
		"a moment later":      derive(ca, request, now.Add(time.Second)),
	} {
		if !bytes.Equal(same.Leaf.Raw, first.Leaf.Raw) || !bytes.Equal(same.PrivateKey, first.PrivateKey) {
			t.Errorf("%s: another certificate", name)
		}
	}

	reissued := makeCAWith(t, "EC CA", ca.Key, nil, nil)
	others := map[string]*ProxyCertificate{
		"mesh":           derive(ca, ProxyRequest{Mesh: "other", Tags: request.Tags}, now),
		"service":        derive(ca, ProxyRequest{Mesh: "default", Tags: map[string][]string{ServiceTag: {"web"}, "version": {"1"}}}, now),
		"value":          derive(ca, ProxyRequest{Mesh: "default", Tags: map[string][]string{ServiceTag: {"web", "db"}, "version": {"2"}}}, now),
		"tag":            derive(ca, ProxyRequest{Mesh: "default", Tags: map[string][]string{ServiceTag: {"web", "db"}, "v": {"1"}}}, now),
		"expiration":     derive(ca, ProxyRequest{Mesh: "default", Tags: request.Tags, Expiration: 25 * time.Hour}, now),
		"window":         derive(ca, request, now.Add(20*time.Hour)),
		"CA":             derive(readCA(t, "ed", "ed"), request, now),
		"CA certificate": derive(CA{Bundle{Chain: list(reissued)}, ca.Key}, request, now),
		"nothing":        first,
	}
	seen := map[string]string{}
	for name, other := range others {
		for _, what := range []string{string(other.PrivateKey), other.Leaf.SerialNumber.String()} {
			if before, ok := seen[what]; ok {
				t.Errorf("%s and %s share a key or a serial number", name, before)
			}
			seen[what] = name
		}
	}
}

// TestWindows walks through time, years of it: windows follow one another
// without gap, and at least a fifth of the life is left at any time.
func TestWindows(t *testing.T) {
	ca := readCA(t, "ec", "ec")
	for _, expiration := range []time.Duration{5 * time.Second, 7 * time.Second, 90 * time.Minute, 24 * time.Hour, 30 * 24 * time.Hour} {
		window := (expiration / 5 * 4).Truncate(time.Second)
		for _, start := range []time.Time{now, now.AddDate(5, 3, 1)} {
			var before *ProxyCertificate
			certificates := 0
			for at := start; at.Before(start.Add(3 * window)); at = at.Add(window / 4) {
				derived, err := Derive(ca, ProxyRequest{Mesh: "default", Tags: ServiceTags("web"), Expiration: expiration}, at)
				if err != nil {
					t.Fatal(err)
				}
				leaf := derived.Leaf
				if leaf.NotBefore.After(at.Add(-clockSkew)) || leaf.NotAfter.Sub(at) < expiration/5 {
					t.Errorf("%s at %s: valid from %s to %s", expiration, at, leaf.NotBefore, leaf.NotAfter)
				}
				if got := leaf.NotAfter.Sub(leaf.NotBefore); got != expiration+clockSkew {
					t.Errorf("%s: lives %s", expiration, got)
				}
				if (leaf.NotBefore.Unix()+10)%int64(window/time.Second) != 0 {
					t.Errorf("%s: the window does not start at a multiple from the epoch: %s", expiration, leaf.NotBefore)
				}
				if before == nil || !bytes.Equal(before.Leaf.Raw, leaf.Raw) {
					certificates++
					if before != nil && leaf.NotBefore.Sub(before.Leaf.NotBefore) != window {
						t.Errorf("%s: %s to the next window", expiration, leaf.NotBefore.Sub(before.Leaf.NotBefore))
					}
					before = derived
				}
			}
			if certificates < 3 || certificates > 4 {
				t.Errorf("%s: %d certificates in three windows", expiration, certificates)
			}
		}
	}
}

// TestKeyMaterial: an RSA key is the same key with its primes in either order.
func TestKeyMaterial(t *testing.T) {
	key := readKey(t, "pki/root.key").(*rsa.PrivateKey)
	swapped := &rsa.PrivateKey{PublicKey: key.PublicKey, D: key.D, Primes: slices.Clone(key.Primes)}
	slices.Reverse(swapped.Primes)
	a, errA := keyMaterial(key)
	b, errB := keyMaterial(swapped)
	if errA != nil || errB != nil || !bytes.Equal(a, b) {
		t.Errorf("differ; %v, %v", errA, errB)
	}
}

// TestKeyFrom: the ends of the range of each kind of key.
func TestKeyFrom(t *testing.T) {
	for _, curve := range []elliptic.Curve{elliptic.P224(), elliptic.P256(), elliptic.P384(), elliptic.P521(), nil} {
		for _, fill := range []byte{0x00, 0xff} {
			key, err := keyFrom(curve, bytes.Repeat([]byte{fill}, seedSize(curve)))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := encodeKey(key); err != nil {
				t.Error(err)
			}
		}
	}
}

func BenchmarkDerive(b *testing.B) {
	for _, name := range []string{"ec", "ed", "root"} {
		ca := readCA(b, name, name)
		b.Run(name, func(b *testing.B) {
			request := ProxyRequest{Mesh: "default", Tags: recordedTags}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Derive(ca, request, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
