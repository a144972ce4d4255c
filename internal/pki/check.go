package pki

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"
)

// DefaultProxyCertificateLifetime is the lifetime of a proxy certificate if the
// backend does not set it (recording of issued proxy certificates).
const DefaultProxyCertificateLifetime = 24 * time.Hour

// soon is the time before the expiry of a CA in which there is a warning:
// enough for a rotation during working hours.
const soon = 30 * 24 * time.Hour

// Options are the parameters of the rules.
type Options struct {
	// Now is the time at which the material must be valid. It is required.
	Now time.Time
	// ProxyCertificateLifetime is the lifetime of the proxy certificates that
	// this CA will issue; 0 means DefaultProxyCertificateLifetime.
	ProxyCertificateLifetime time.Duration
	// Mesh is the name of the mesh whose provided backend issues from this CA,
	// or "" if that is unknown. It decides the URIs of proxy certificates.
	Mesh string
	// TrustDomain is the trust domain of the MeshIdentity that issues from this
	// CA, or "". Then it decides the URI of proxy certificates, and not Mesh.
	TrustDomain string
}

// checkTrusted checks certificates that proxies trust besides the issuing
// chain, each by itself: how they relate does not matter.
func checkTrusted(trusted []*x509.Certificate, o Options) Problems {
	var ps Problems
	firstAt := map[string]int{}
	for i, cert := range trusted {
		checkCertificate(&ps, i, cert, o)
		checkDuplicate(&ps, i, cert, firstAt)
	}
	for i := range ps {
		switch ps[i].Rule {
		case RuleExtKeyUsage, RuleNameConstraints: // proxies in this mesh get no certificate from it
			ps[i].Severity = Warning
		}
	}
	return ps
}

// checkCertificate applies the rules for each certificate.
func checkCertificate(ps *Problems, i int, cert *x509.Certificate, o Options) {
	checkExtensions(ps, i, cert)
	checkDates(ps, i, cert, o)
	checkStrength(ps, i, cert)
	checkLimits(ps, i, cert, o)
}

func checkExtensions(ps *Problems, i int, cert *x509.Certificate) {
	if !cert.IsCA {
		ps.addFor(Error, RuleBasicConstraintsCA, i, cert,
			"Basic constraint CA is not true, so this certificate is not allowed to issue others, and the control plane "+
				"rejects it. If it belongs to a server or a client, replace it with the CA that issued it. If it is a CA, "+
				"issue it again.%s", reissue(cert))
	}
	switch {
	case cert.KeyUsage == 0:
		ps.addFor(Error, RuleKeyUsageCertSign, i, cert,
			"There is no key usage, and the control plane rejects a CA without keyCertSign. Issue it again.%s", reissue(cert))
	case cert.KeyUsage&x509.KeyUsageCertSign == 0:
		ps.addFor(Error, RuleKeyUsageCertSign, i, cert,
			"Key usage keyCertSign is not set (key usages: %s), so this certificate is not allowed to sign others, and the "+
				"control plane rejects it. Issue it again.%s",
			usageList(cert.KeyUsage), reissue(cert))
	}
	if cert.KeyUsage&x509.KeyUsageKeyAgreement != 0 {
		ps.addFor(Error, RuleKeyUsageKeyAgreement, i, cert,
			"Key usage keyAgreement is set, and the control plane rejects a CA with it. Issue it again without "+
				"keyAgreement.%s", reissue(cert))
	}
	if extra := cert.KeyUsage & (x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment); extra != 0 {
		ps.addFor(Warning, RuleKeyUsageShouldNot, i, cert,
			"The certificate has key usage %s. The control plane accepts this, but SPIFFE advises against it in a CA. Remove it when you "+
				"next issue this CA.", usageList(extra))
	}
}

func usageList(usage x509.KeyUsage) string { return strings.Join(keyUsages(usage), " and ") }

// reissue returns the commands that issue a CA again with the same key and
// subject, and with the required extensions.
func reissue(cert *x509.Certificate) string {
	commands, resource := `
  openssl x509 -x509toreq -in ca.pem -signkey ca-key.pem -out ca.csr
  openssl x509 -req -in ca.csr -CA issuer.pem -CAkey issuer-key.pem -CAcreateserial -days 3650 -extfile ca.ext -out ca-new.pem`,
		"tls_locally_signed_cert"
	if selfIssued(cert) {
		commands, resource = `
  openssl x509 -in ca.pem -signkey ca-key.pem -days 3650 -clrext -extfile ca.ext -out ca-new.pem`, "tls_self_signed_cert"
	}
	return fmt.Sprintf(`
  printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n' > ca.ext%s
or, in %s,
  is_ca_certificate = true
  allowed_uses      = ["cert_signing", "crl_signing"]`, commands, resource)
}

func checkDates(ps *Problems, i int, cert *x509.Certificate, o Options) {
	lifetime := o.ProxyCertificateLifetime
	if lifetime == 0 {
		lifetime = DefaultProxyCertificateLifetime
	}
	switch left := cert.NotAfter.Sub(o.Now); {
	case left < 0:
		ps.addFor(Error, RuleExpired, i, cert,
			"This certificate expired on %s. The control plane would still issue certificates from it, but handshakes "+
				"fail. Issue it again, or rotate to a new CA.", date(cert.NotAfter))
	case o.Now.Before(cert.NotBefore):
		ps.addFor(Error, RuleNotYetValid, i, cert,
			"This certificate is not valid before %s (it is now %s). The control plane would issue certificates from it, "+
				"but handshakes fail until then. Wait, or check the clocks of this machine and of the machine that issued it.", date(cert.NotBefore), date(o.Now))
	case left < lifetime && left >= soon:
		ps.addFor(Warning, RuleExpiresSoon, i, cert,
			"This certificate expires on %s, before a proxy certificate that is issued now (%s). Handshakes fail after "+
				"that date, although the proxy certificates have not expired. Use a CA that is valid for longer, or a shorter "+
				"lifetime of proxy certificates (dp_cert.rotation.expiration).", date(cert.NotAfter), date(o.Now.Add(lifetime)))
	case left < lifetime:
		ps.addFor(Warning, RuleExpiresSoon, i, cert,
			"This certificate expires on %s, before a proxy certificate that is issued now (%s). Handshakes fail after "+
				"that date. Rotate to a new CA now.", date(cert.NotAfter), date(o.Now.Add(lifetime)))
	case left < soon:
		ps.addFor(Warning, RuleExpiresSoon, i, cert,
			"This certificate expires on %s, in less than %d days. Handshakes fail after that date. Rotate to a new CA "+
				"before it.",
			date(cert.NotAfter), left/(24*time.Hour)+1)
	}
}

// date formats a time like openssl, for comparison: UTC, to the second.
func date(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func checkStrength(ps *Problems, i int, cert *x509.Certificate) {
	if bits := rsaBits(cert); bits > 0 && bits < 2048 {
		ps.addFor(Warning, RuleWeakKey, i, cert,
			"The RSA key of this certificate has %d bits. Proxies can reject it, and the control plane cannot sign with "+
				"less than 1024 bits. Create a new CA with a key of 2048 bits or more, or ECDSA P-256.", bits)
	}
	switch cert.PublicKey.(type) {
	case *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey:
	default:
		other := unsupportedKey(cert.Raw)
		if other != "" {
			other = ", but " + other
		}
		ps.addFor(Warning, RulePublicKeyKind, i, cert,
			"The public key of this certificate is not RSA, ECDSA or Ed25519%s. TLS libraries cannot verify its signatures, "+
				"and the control plane cannot issue certificates from it. Create a new CA with one of these.", other)
	}
	switch cert.SignatureAlgorithm {
	case x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.DSAWithSHA1, x509.MD5WithRSA, x509.MD2WithRSA:
		ps.addFor(Warning, RuleWeakSignature, i, cert,
			"This certificate is signed with %s, which is broken: TLS libraries reject such certificates. Issue it again "+
				"with SHA-256 (openssl's -sha256).",
			cert.SignatureAlgorithm)
	}
}

// checkLimits reports what makes peers reject certificates that this CA issues,
// although the control plane issues them. Peers are Envoys.
func checkLimits(ps *Problems, i int, cert *x509.Certificate, o Options) {
	if len(cert.RawSubject) <= 2 { // an empty SEQUENCE
		ps.addFor(Warning, RuleEmptySubject, i, cert,
			"This CA has no subject. A proxy certificate has no subject either, so a certificate from this CA looks "+
				"self-signed, and OpenSSL rejects it. Issue the CA again with a name, such as -subj '/CN=Mesh CA'.")
	}
	server, client := allowsUsage(cert, x509.ExtKeyUsageServerAuth), allowsUsage(cert, x509.ExtKeyUsageClientAuth)
	switch usages := strings.Join(extKeyUsages(cert), " and "); {
	case !server && !client:
		ps.addFor(Error, RuleExtKeyUsage, i, cert,
			"The extended key usage of this CA is %s. Proxies apply it to the certificates from this CA, and reject all of "+
				"them unless it includes serverAuth and clientAuth (anyExtendedKeyUsage does not include them). Issue the CA "+
				"again without extended key usage.", usages)
	case !server || !client:
		ps.addFor(Warning, RuleExtKeyUsage, i, cert,
			"The extended key usage of this CA is %s. Proxies apply it to the certificates from this CA. They reject "+
				"server certificates unless it includes serverAuth, and client certificates unless it includes clientAuth. "+
				"Issue the CA again without extended key usage.", usages)
	}
	checkURIConstraints(ps, i, cert, o)
	for _, id := range cert.UnhandledCriticalExtensions {
		ps.addFor(Warning, RuleCriticalExtension, i, cert,
			"This certificate has a critical extension %s. TLS libraries that do not support it reject the certificate. "+
				"Issue it again without the extension, or with the extension not critical.", id)
	}
}

// allowsUsage reports whether BoringSSL accepts certificates of a CA for a
// usage, as far as the CA's extended key usage decides.
func allowsUsage(cert *x509.Certificate, usage x509.ExtKeyUsage) bool {
	return len(cert.ExtKeyUsage)+len(cert.UnknownExtKeyUsage) == 0 || slices.Contains(cert.ExtKeyUsage, usage)
}

// checkURIConstraints applies RFC 5280, 4.2.1.10. Each certificate of a
// provided backend has spiffe://<mesh>/<service> and
// kuma://kuma.io/service/<service>, and may have more. One of a MeshIdentity has
// its SPIFFE ID alone.
func checkURIConstraints(ps *Problems, i int, cert *x509.Certificate, o Options) {
	limits := uriConstraints(cert)
	if limits == "" {
		return
	}
	if o.TrustDomain != "" {
		if !permitsHost(cert, o.TrustDomain) {
			ps.addFor(Error, RuleNameConstraints, i, cert,
				"The name constraints of this CA limit the URIs of its certificates (%s). Each proxy certificate contains a SPIFFE ID of "+
					"trust domain %s, which is outside of the limits, and proxies reject it. Issue the CA again without constraints on URIs.",
				limits, o.TrustDomain)
		}
		return
	}
	tagHost, _, _ := strings.Cut(ServiceTag, "/")
	var refused []string
	for _, host := range []string{o.Mesh, tagHost} {
		if o.Mesh != "" && !permitsHost(cert, host) {
			refused = append(refused, host)
		}
	}
	if len(refused) > 0 {
		ps.addFor(Error, RuleNameConstraints, i, cert,
			"The name constraints of this CA limit the URIs of its certificates (%s). Each proxy certificate of mesh %q "+
				"contains spiffe://%[2]s/<service> and kuma://%s/<service>, and proxies reject it. URIs outside of the limits: "+
				"%s. Issue the CA again without constraints on URIs.",
			limits, o.Mesh, ServiceTag, strings.Join(refused, " and "))
		return
	}
	ps.addFor(Warning, RuleNameConstraints, i, cert,
		"The name constraints of this CA limit the URIs of its certificates (%s). A proxy certificate contains "+
			"spiffe://<mesh>/<service> and kuma://<tag>/<value>, and proxies reject a certificate with a URI outside of "+
			"the limits. Issue the CA again without constraints on URIs.", limits)
}

// permitsHost applies the constraints on URIs as BoringSSL does: a domain
// matches only itself, unless it begins with a dot.
func permitsHost(cert *x509.Certificate, host string) bool {
	matches := func(domain string) bool {
		return strings.EqualFold(domain, host) || strings.HasPrefix(domain, ".") && strings.HasSuffix(strings.ToLower(host), strings.ToLower(domain))
	}
	return (len(cert.PermittedURIDomains) == 0 || slices.ContainsFunc(cert.PermittedURIDomains, matches)) &&
		!slices.ContainsFunc(cert.ExcludedURIDomains, matches)
}

func uriConstraints(cert *x509.Certificate) string {
	var limits []string
	if len(cert.PermittedURIDomains) > 0 {
		limits = append(limits, "permitted: "+printable(strings.Join(cert.PermittedURIDomains, ", ")))
	}
	if len(cert.ExcludedURIDomains) > 0 {
		limits = append(limits, "excluded: "+printable(strings.Join(cert.ExcludedURIDomains, ", ")))
	}
	return strings.Join(limits, "; ")
}

// checkDuplicate records in firstAt the first position of each certificate.
func checkDuplicate(ps *Problems, i int, cert *x509.Certificate, firstAt map[string]int) (duplicate bool) {
	first, duplicate := firstAt[string(cert.Raw)]
	if duplicate {
		ps.addFor(Warning, RuleDuplicate, i, cert, "This is the same certificate as certificate %d. Remove one of them.", first)
	} else {
		firstAt[string(cert.Raw)] = i
	}
	return duplicate
}
