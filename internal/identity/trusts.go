package identity

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/rollout"
)

// A trust is a MeshTrust: the CAs that proxies trust in a trust domain. Those of
// all MeshTrusts of one domain count together (contract, identity rotation 2).
type trust struct {
	name, domain string
	origin       string // KRI of the identity that it was generated for
	certificates []*x509.Certificate
	document     *kuma.Document
}

// trustsOf returns the MeshTrusts of a mesh.
func trustsOf(ctx context.Context, client *kuma.Client, mesh string, age kuma.MaxAge) ([]trust, error) {
	documents, err := client.ObjectsAsOf(ctx, kuma.MeshTrustKey(mesh, "").Type, mesh, age)
	if err != nil {
		return nil, err
	}
	all := make([]trust, 0, len(documents))
	for _, document := range documents {
		is, err := trustFrom(document)
		if err != nil {
			return nil, err
		}
		all = append(all, is)
	}
	return all, nil
}

func trustFrom(document *kuma.Document) (trust, error) {
	is := trust{document: document}
	spec, err := document.Object("spec")
	if err != nil {
		return is, err
	}
	name, errName := document.Name()
	origin, errOrigin := document.OriginKRI()
	bundles, errBundles := kuma.TrustBundles(document)
	is.name, is.origin = name, origin
	for _, bundle := range bundles {
		certificates, _ := pki.ReadCertificates([]byte(bundle)) // the control plane accepts what is no certificate
		is.certificates = append(is.certificates, certificates...)
	}
	return is, errors.Join(errName, errOrigin, errBundles, spec.Decode("trustDomain", &is.domain))
}

// trusted reports whether proxies that have these certificates accept
// certificates of a CA: it is among them, and so is each CA above it up to a
// self-signed one (contract, identity rotation 2).
func trusted(certificates []*x509.Certificate, issuer *x509.Certificate) bool {
	same := func(c *x509.Certificate) bool { return pki.SameCA(c, issuer) }
	if !slices.ContainsFunc(certificates, same) {
		return false
	}
	for range certificates {
		if pki.IsSelfSigned(issuer) {
			return true
		}
		above := slices.IndexFunc(certificates, func(c *x509.Certificate) bool { return !same(c) && issuer.CheckSignatureFrom(c) == nil })
		if above < 0 {
			return false
		}
		issuer = certificates[above]
	}
	return false
}

// in returns what proxies trust in a domain, by the trusts that keep returns true
// for.
func in(trusts []trust, domain string, keep func(trust) bool) []*x509.Certificate {
	var all []*x509.Certificate
	for _, t := range trusts {
		if t.domain == domain && keep(t) {
			all = append(all, t.certificates...)
		}
	}
	return all
}

func all(trust) bool { return true }

// interimInfix marks the MeshTrusts that the provider writes while CAs change.
const interimInfix = "-rollout-"

// interimTrust returns the name of the MeshTrust that keeps CAs trusted in a
// domain while an identity changes its CA. Proxies unite it with the others of
// the domain, which stay as they are configured.
func interimTrust(identity, domain string) string {
	const digits = 10
	sum := sha256.Sum256([]byte(domain))
	name := identity[:min(len(identity), kuma.MaxSecretName-len(interimInfix)-digits)]
	return name + interimInfix + hex.EncodeToString(sum[:])[:digits]
}

// isInterim reports whether a MeshTrust is that of [interimTrust].
func (t trust) isInterim() bool {
	end := strings.LastIndex(t.name, interimInfix)
	return end >= 0 && t.name == interimTrust(t.name[:end], t.domain)
}

// hold makes proxies trust more CAs in a domain while an identity may have issued
// from them, with its interim MeshTrust. Those that it has stay until it goes.
func hold(ctx context.Context, client *kuma.Client, mesh, identity, domain string, more ...*x509.Certificate) error {
	of := kuma.MeshTrustKey(mesh, interimTrust(identity, domain))
	current, err := client.Object(ctx, of, kuma.Fresh)
	if err != nil && !kuma.Absent(err) {
		return err
	}
	var has []*x509.Certificate
	if err == nil {
		is, err := trustFrom(current)
		if err != nil {
			return err
		}
		has = is.certificates
	} else {
		current = nil
	}
	wanted := pki.Bundle{Chain: slices.Concat(has, more)}.Certificates()
	if current != nil && pki.SameCertificates(has, wanted) {
		return nil
	}
	_, _, err = client.WriteObject(ctx, of, current, func(document *kuma.Document) error {
		return setCertificates(document, domain, wanted)
	})
	return err
}

// setCertificates sets what a MeshTrust contains.
func setCertificates(document *kuma.Document, domain string, certificates []*x509.Certificate) error {
	type pem struct {
		Value string `json:"value"`
	}
	type bundle struct {
		Type string `json:"type"`
		PEM  pem    `json:"pem"`
	}
	bundles := make([]bundle, 0, len(certificates))
	for _, c := range certificates {
		bundles = append(bundles, bundle{"Pem", pem{string(pki.EncodeCertificates([]*x509.Certificate{c}))}})
	}
	list, errList := json.Marshal(bundles)
	text, errText := json.Marshal(domain)
	return errors.Join(errList, errText, document.EditObject("spec", func(spec *kuma.Document) error {
		spec.Set("trustDomain", text)
		spec.Set("caBundles", list)
		return nil
	}))
}

// domainsOf returns the trust domains of MeshTrusts that contain a CA.
func domainsOf(trusts []trust, issuer *x509.Certificate) []string {
	var domains []string
	for _, t := range trusts {
		if !slices.Contains(domains, t.domain) && slices.ContainsFunc(t.certificates, func(c *x509.Certificate) bool { return pki.SameCA(c, issuer) }) {
			domains = append(domains, t.domain)
		}
	}
	slices.Sort(domains)
	return domains
}

// errUntrusted reports a CA that no MeshTrust contains.
type errUntrusted struct {
	mesh   string
	issuer *x509.Certificate
}

func (e *errUntrusted) Error() string {
	return fmt.Sprintf("no MeshTrust of mesh %q contains the CA %s and the CAs above it", e.mesh, pki.Describe(e.issuer).Subject)
}

// A user is an identity whose certificates proxies accept because of a MeshTrust.
type user struct {
	name   string
	issuer rollout.Issuer
}

// losers returns the identities from whose CA proxies no longer accept
// certificates if a MeshTrust changes to after, nil if it is deleted.
func losers(ctx context.Context, client *kuma.Client, mesh string, before trust, after *trust) ([]user, error) {
	trusts, err := trustsOf(ctx, client, mesh, kuma.Fresh)
	if err != nil {
		return nil, err
	}
	now := in(trusts, before.domain, all)
	then := in(trusts, before.domain, func(t trust) bool { return t.name != before.name })
	if after != nil && after.domain == before.domain {
		then = append(then, after.certificates...)
	}
	identities, err := client.Objects(ctx, kuma.MeshIdentityKey(mesh, "").Type, mesh)
	if err != nil {
		return nil, err
	}
	var lose []user
	for _, document := range identities {
		issuer, err := issuerOf(ctx, client, mesh, document)
		if err != nil {
			return nil, err
		}
		if issuer == nil || !trusted(now, issuer) || trusted(then, issuer) {
			continue
		}
		is, err := modelOf(document, mesh)
		if err != nil {
			return nil, err
		}
		lose = append(lose, user{is.Name.ValueString(), is.issuer()})
	}
	return lose, nil
}

// issuerOf returns the CA from which an identity issues, nil if that is unknown:
// it is on the control plane's machine, it is lost, or the user may not read it.
func issuerOf(ctx context.Context, client *kuma.Client, mesh string, identity *kuma.Document) (*x509.Certificate, error) {
	source, _, err := kuma.IdentityCA(identity)
	if err != nil {
		return nil, err
	}
	text := []byte(source.InlineString)
	if source.Secret != "" {
		secret, err := client.Secret(ctx, mesh, source.Secret)
		if kuma.Absent(err) || kuma.Forbidden(err) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if text, err = secret.Data(); err != nil {
			return nil, nil // then the identity issues nothing
		}
	}
	bundle, _ := pki.ReadBundle(text)
	return bundle.Issuer(), nil
}

// interimTrusts returns the MeshTrusts that keep CAs trusted for an identity.
func interimTrusts(trusts []trust, identity string) []trust {
	return slices.DeleteFunc(slices.Clone(trusts), func(t trust) bool { return t.name != interimTrust(identity, t.domain) })
}

// interimSecrets returns the names of the copies of CAs that a rotation of an
// identity has made.
func interimSecrets(ctx context.Context, client *kuma.Client, mesh, identity string) ([]string, error) {
	secrets, err := client.Secrets(ctx, mesh)
	if err != nil {
		return nil, err
	}
	isOther := func(name string) bool { return !rollout.IsIdentityStep(name, identity) }
	return slices.DeleteFunc(slices.Sorted(maps.Keys(secrets)), isOther), nil
}

// without returns the certificates that are not among others.
func without(certificates, others []*x509.Certificate) []*x509.Certificate {
	return slices.DeleteFunc(slices.Clone(certificates), func(c *x509.Certificate) bool { return slices.ContainsFunc(others, c.Equal) })
}
