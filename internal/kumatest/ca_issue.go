package kumatest

import (
	"crypto"
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
	"strings"
	"time"
)

// Holding is what a proxy really has, whichever status the control plane reports. The zero value is that of a proxy
// that never got anything.
type Holding struct {
	// Identity is the proxy's certificate: only the leaf, because a control plane sends no chain.
	Identity *x509.Certificate
	Key      crypto.Signer
	// Bundle has the CAs that the proxy trusts: the whole chain secret in its order or, with Domains, the CAs of all
	// trust domains in the order of their names.
	Bundle []*x509.Certificate
	// Domains has the CAs by trust domain. It is nil if the proxy trusts the CA of the mesh alone.
	Domains map[string][]*x509.Certificate
}

// A leaf is the certificate of a proxy with its key: only the leaf, because a control plane sends no chain.
type leaf struct {
	secret string // its name
	cert   *x509.Certificate
	key    crypto.Signer
}

// A material is identity and trust bundle, which the control plane sends to a proxy. A part that is nil is not sent.
type material struct {
	leaf   *leaf
	bundle *bundle
}

// A bundle is a trust bundle, one for each text: either one list, each certificate of which is a trust anchor by itself,
// or one list for each trust domain, of which only self-signed certificates are.
type bundle struct {
	text       string
	certs      []*x509.Certificate
	selfSigned bool // only such certificates are anchors
	domains    map[string]*bundle
	broken     error // why a proxy rejects the bundle
	verdicts   map[*x509.Certificate]verdict
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

// bundleByDomain returns a bundle with one list for each trust domain. A proxy rejects it if one of them has no
// certificate, or something in place of one.
func (f *fleet) bundleByDomain(domains map[string]string) *bundle {
	var text strings.Builder
	for _, domain := range sortedKeys(domains) {
		fmt.Fprintf(&text, "trust domain %s:\n%s", domain, domains[domain])
	}
	if known, ok := f.bundles[text.String()]; ok {
		return known
	}
	b := &bundle{text: text.String(), domains: map[string]*bundle{}}
	for _, domain := range sortedKeys(domains) {
		list := &bundle{text: domains[domain], selfSigned: true, verdicts: map[*x509.Certificate]verdict{}}
		list.certs, list.broken = readBundle(list.text)
		if list.broken != nil {
			b.broken = fmt.Errorf("trust domain %s: %w", domain, list.broken)
		}
		b.domains[domain], b.certs = list, append(b.certs, list.certs...)
	}
	f.bundles[b.text] = b
	return b
}

// readBundle reads certificates as a proxy does, which ignores other kinds of blocks.
func readBundle(text string) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		certs = append(certs, cert)
	}
	if len(certs) == 0 {
		return nil, errors.New("the bundle has no certificate")
	}
	return certs, nil
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

// issue returns an identity. Its key is ECDSA, where a real one is RSA with 2048 bits: a test needs hundreds.
func (ca pair) issue(mesh string, tags map[string][]string, now time.Time, lifetime time.Duration) (*leaf, error) {
	uris, err := identityURIs(mesh, tags)
	if err != nil {
		return nil, err
	}
	key, _ := newKey()
	cert, err := ca.sign(uris, key.Public(), now, lifetime)
	return &leaf{meshLeaf, cert, key}, err
}

// sign returns a certificate with names. Like a control plane, it does not check whether the CA is still valid.
func (ca pair) sign(uris []*url.URL, public crypto.PublicKey, now time.Time, lifetime time.Duration) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 128))
	if err != nil {
		return nil, err
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
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, public, ca.key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
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

// A verdict is the result of verifying an identity, for a period in which no certificate becomes valid or expires.
type verdict struct {
	from, until time.Time
	err         error
}

// verify returns why a peer with this bundle would reject an identity.
func (b *bundle) verify(identity *x509.Certificate, at time.Time) error {
	if b.domains != nil {
		return b.verifyDomain(identity, at)
	}
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
	if err := verifyPeer(b.certs, identity, b.selfSigned, at); err != nil {
		v.err = fmt.Errorf("identity issued by %q: %w", identity.Issuer, err)
	}
	b.verdicts[identity] = v
	return v.err
}

// verifyDomain verifies an identity with the CAs of its trust domain, as Envoy's SPIFFE validator does.
func (b *bundle) verifyDomain(identity *x509.Certificate, at time.Time) error {
	if identity.IsCA || identity.KeyUsage&(x509.KeyUsageCertSign|x509.KeyUsageCRLSign) != 0 {
		return errors.New("its certificate may sign others")
	}
	if len(identity.URIs) == 0 || identity.URIs[0].Scheme != "spiffe" {
		return errors.New("its certificate has no SPIFFE ID")
	}
	domain := identity.URIs[0].Host
	if b.domains[domain] == nil {
		return fmt.Errorf("there are no CAs for the trust domain %s", domain)
	}
	return b.domains[domain].verify(identity, at)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
