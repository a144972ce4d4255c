package kumatest

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/url"
	"slices"
	"time"
)

// Holding is what a proxy really has, whichever status the control plane reports. The zero value is that of a proxy
// that never got anything.
type Holding struct {
	// Identity is the proxy's certificate: only the leaf, because a control plane sends no chain.
	Identity *x509.Certificate
	Key      *ecdsa.PrivateKey
	// Bundle has the CAs that the proxy trusts: the whole chain secret in its order.
	Bundle []*x509.Certificate
}

// A material is identity and trust bundle, which the control plane sends to a proxy in one response.
type material struct {
	identity *x509.Certificate
	key      *ecdsa.PrivateKey
	bundle   *bundle
}

// A bundle is a trust bundle, one for each text. Each certificate is a trust anchor by itself.
type bundle struct {
	text     string
	certs    []*x509.Certificate
	verdicts map[*x509.Certificate]verdict
}

func (f *fleet) bundleOf(text string) *bundle {
	if known, ok := f.bundles[text]; ok {
		return known
	}
	b := &bundle{text: text, verdicts: map[*x509.Certificate]verdict{}}
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
			b.certs = append(b.certs, cert)
		}
	}
	f.bundles[text] = b
	return b
}

// A pair is a CA with its key.
type pair struct {
	cert *x509.Certificate
	key  any
}

func parsePair(cert, key []byte) (pair, error) {
	both, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return pair{}, err
	}
	ca, err := x509.ParseCertificate(both.Certificate[0])
	return pair{ca, both.PrivateKey}, err
}

// issue returns an identity. Like a control plane, it does not check whether the CA is still valid. The key is ECDSA,
// where a real one is RSA with 2048 bits: a test needs hundreds.
func (ca pair) issue(mesh string, tags map[string][]string, now time.Time, lifetime time.Duration) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	uris, err := identityURIs(mesh, tags)
	if err != nil {
		return nil, nil, err
	}
	key, _ := newKey()
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 128))
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial.Add(serial, big.NewInt(1)),
		NotBefore:             now.Add(-clockSkew),
		NotAfter:              now.Add(lifetime),
		URIs:                  uris,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageKeyAgreement,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, key.Public(), ca.key)
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return cert, key, err
}

// identityURIs returns the identities of a proxy: its services, then all of its tags.
func identityURIs(mesh string, tags map[string][]string) ([]*url.URL, error) {
	var ids []string
	for _, service := range tags[serviceTag] {
		ids = append(ids, "spiffe://"+mesh+"/"+service)
	}
	for _, tag := range sortedKeys(tags) {
		for _, value := range tags[tag] {
			ids = append(ids, "kuma://"+tag+"/"+value)
		}
	}
	var uris []*url.URL
	for _, id := range ids {
		uri, err := url.Parse(id)
		if err != nil {
			return nil, err
		}
		uris = append(uris, uri)
	}
	return uris, nil
}

// identityTags returns the tags in a proxy's certificate, each with its values in order.
func identityTags(dataplane *document) map[string][]string {
	tags := map[string][]string{}
	for _, carrier := range tagCarriers(dataplane.object("networking")) {
		for name, value := range carrier.tags("tags") {
			if !slices.Contains(tags[name], value) {
				tags[name] = append(tags[name], value)
			}
		}
	}
	for _, values := range tags {
		slices.Sort(values)
	}
	return tags
}

var errHoldsNothing = errors.New("it has no identity or no trust bundle")

// A verdict is the result of verifying an identity, for a period in which no certificate becomes valid or expires.
type verdict struct {
	from, until time.Time
	err         error
}

// verify returns why a peer with this bundle would reject an identity.
func (b *bundle) verify(identity *x509.Certificate, at time.Time) error {
	if v, ok := b.verdicts[identity]; ok && !at.Before(v.from) && at.Before(v.until) {
		return v.err
	}
	v := verdict{until: at.AddDate(1000, 0, 0)}
	for _, cert := range append([]*x509.Certificate{identity}, b.certs...) {
		for _, change := range []time.Time{cert.NotBefore, cert.NotAfter.Add(1)} { // it is valid at NotAfter
			switch {
			case !change.After(at) && change.After(v.from):
				v.from = change
			case change.After(at) && change.Before(v.until):
				v.until = change
			}
		}
	}
	if err := verifyPeer(b.certs, identity, at); err != nil {
		v.err = fmt.Errorf("identity issued by %q: %w", identity.Issuer, err)
	}
	b.verdicts[identity] = v
	return v.err
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
