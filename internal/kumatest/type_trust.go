package kumatest

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"slices"
)

func trustType() *resourceType {
	return &resourceType{
		name: "MeshTrust", path: "meshtrusts", short: "mtrust", in: from214, traits: both | specified | hasStatus,
		special: special{warn: (*ControlPlane).warnOfTrust},
	}
}

// warnOfTrust warns of an origin that a client has set. Later releases do not know it.
func (cp *ControlPlane) warnOfTrust(trust *resource) []string {
	if trust.spec["origin"] == nil {
		return nil
	}
	return []string{"setting spec.origin field is deprecated"}
}

// trustRules returns the rules for a MeshTrust. Of each bundle, only the first PEM block counts.
func trustRules() rule {
	return all(
		each("caBundles", orElse(defined("pem"), at("pem.value", mustBe(isPublicPEM, "provided certificate has incorrect format")))),
		at("trustDomain",
			mustBe(hasText, "trustDomain needs to be defined"),
			mustBe(func(p place) bool { return len(p.text()) <= 253 }, "must not be longer than 253 characters")))
}

// isPublicPEM reports whether a string begins with a PEM block that is no private key.
func isPublicPEM(p place) bool {
	block, _ := pem.Decode([]byte(p.text()))
	return block != nil && !slices.Contains([]string{
		"PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY", "DSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY",
	}, block.Type)
}

// keepTrust creates the MeshTrust of an identity, or adds the CA to the one with its name, even if a client created
// that. Nothing removes a CA from it, and its trust domain never changes.
func (rc *reconciler) keepTrust(identity *resource, spec identitySpec) error {
	certificate, _ := spec.sources(identity)
	ca, err := certificate.read(rc.zone.secret(identity.mesh))
	if err != nil {
		return err
	}
	domain, err := spec.trustDomain(identity, rc.zone.name)
	if err != nil {
		return err
	}
	status := mustMarshal(map[string]any{"origin": map[string]any{"kri": identity.kri()}})
	entry := map[string]any{"type": "Pem", "pem": map[string]any{"value": string(ca)}}
	trust, ok := rc.zone.store.get("MeshTrust", identity.mesh, identity.name)
	if !ok {
		return rc.createTrust(identity, map[string]any{"trustDomain": domain, "caBundles": []any{entry}}, status)
	}
	bundles, _ := trust.spec["caBundles"].([]any)
	trusted := slices.ContainsFunc(trustedPEM(trust), func(text string) bool { return sameCertificate(text, string(ca)) })
	if trusted && string(trust.status) == string(status) {
		return nil
	}
	next := maps.Clone(trust.spec)
	if !trusted {
		next["caBundles"] = append(slices.Clone(bundles), entry)
	}
	if err := rc.checkTrust(next); err != nil {
		return err
	}
	rc.write(trust, next, status)
	return nil
}

// createTrust stores a MeshTrust with the name of an identity. It belongs to the mesh, not to the identity.
func (rc *reconciler) createTrust(identity *resource, spec map[string]any, status json.RawMessage) error {
	if err := rc.checkTrust(spec); err != nil {
		return err
	}
	now := rc.cp.now().UTC()
	trust := &resource{kind: rc.cp.typeOf("MeshTrust"), mesh: identity.mesh, name: identity.name, created: now, modified: now}
	trust.setSpec(spec, status)
	rc.zone.store.put(trust, ownedBy(identity.mesh))
	rc.wrote(trust)
	return nil
}

func (rc *reconciler) checkTrust(spec map[string]any) error {
	broken := trustRules()(place{path: "spec", value: spec, spec: spec, set: rc.cp.release.set})
	if len(broken) == 0 {
		return nil
	}
	return errors.New(broken.String())
}

// trustedPEM returns the texts of the bundles of a MeshTrust.
func trustedPEM(trust *resource) []string {
	var texts []string
	for _, entry := range (place{value: trust.spec}).to("caBundles").list() {
		texts = append(texts, entry.to("pem").to("value").text())
	}
	return texts
}

// sameCertificate reports whether two PEM texts have the same first certificate.
func sameCertificate(a, b string) bool {
	blockA, _ := pem.Decode([]byte(a))
	blockB, _ := pem.Decode([]byte(b))
	return blockA != nil && blockB != nil && bytes.Equal(blockA.Bytes, blockB.Bytes)
}

// isSelfSigned reports whether the first certificate is a CA that has signed itself.
func isSelfSigned(chain []byte) (bool, error) {
	block, _ := pem.Decode(chain)
	if block == nil || block.Type != "CERTIFICATE" {
		return false, errors.New("failed to decode PEM block or block is not of type CERTIFICATE")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return false, err
	}
	return certificate.Subject.String() == certificate.Issuer.String() && certificate.CheckSignatureFrom(certificate) == nil, nil
}
