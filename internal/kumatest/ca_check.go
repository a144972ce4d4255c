package kumatest

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
)

// checkAuthorities checks the CA of each mTLS backend.
func (cp *ControlPlane) checkAuthorities(c *call, mesh *resource) violations {
	var broken violations
	mtls := mesh.document.object("mtls")
	for i, backend := range mtls.objects("backends") {
		path := fmt.Sprintf("mtls.backends[%d]", i)
		check := cp.checkProvided
		switch backend.text("type") {
		case "provided":
		case "builtin":
			check = cp.checkBuiltin
		default:
			if mesh.verbatim {
				continue // of a later version, which knows it
			}
			broken.add(path+".type", "could not find installed plugin for this type")
			return broken
		}
		if !mtls.flag("skipValidation") {
			broken = append(broken, check(c, mesh.name, backend).under(path+".conf")...)
		}
	}
	return broken
}

func (cp *ControlPlane) checkProvided(c *call, mesh string, backend *document) violations {
	conf, err := typed(backend.conf(), providedSchema())
	if err != nil {
		return violations{{"", "could not convert backend config: " + err.Error()}}
	}
	var broken violations
	for _, half := range []string{"cert", "key"} {
		if !conf.has(half) {
			broken.add(half, "has to be defined")
		} else {
			broken = append(broken, checkSource(conf.object(half)).under(half)...)
		}
	}
	if len(broken) > 0 {
		return broken
	}
	// The key first: if both are absent, the answer reports the key for both.
	key, err := cp.load(c, mesh, conf.object("key"))
	var cert []byte
	if err == nil {
		cert, err = cp.load(c, mesh, conf.object("cert"))
	}
	if err != nil {
		return violations{{"cert", err.Error()}, {"key", err.Error()}}
	}
	return checkPair(cert, key)
}

// checkSource checks that the certificates or the key have a source.
func checkSource(source *document) violations {
	switch {
	case len(source.values) == 0:
		return violations{{"", "data source has to be chosen. Available sources: secret, file, inline"}}
	case source.has("secret") && source.text("secret") == "":
		return violations{{"secret", "cannot be empty"}}
	case source.has("inline") && len(get[[]byte](source, "inline")) == 0:
		return violations{{"inline", "cannot be empty"}}
	case source.has("file") && source.text("file") == "":
		return violations{{"file", "cannot be empty"}}
	default:
		return nil
	}
}

func (cp *ControlPlane) load(c *call, mesh string, source *document) ([]byte, error) {
	secrets := cp.secrets
	if cp.kubernetes { // its webhooks see a secret at once (recording, "secrets that a backend uses")
		secrets = newSecretCache(0, secrets.missing, secrets.get)
	}
	return loadSource(source, func(name string) ([]byte, error) { return secrets.load(mesh, name, c.stale, cp.now()) })
}

// loadSource returns the certificates or the key of a CA from its source.
func loadSource(source *document, secret func(name string) ([]byte, error)) ([]byte, error) {
	var data []byte
	var err error
	switch {
	case source.has("secret"):
		data, err = secret(source.text("secret"))
	case source.has("file"):
		data, err = os.ReadFile(source.text("file"))
	case source.has("inline"):
		data = get[[]byte](source, "inline")
	default:
		data = []byte(source.text("inlineString"))
	}
	if err != nil {
		return nil, fmt.Errorf("could not load data: %w", err)
	}
	return data, nil
}

// checkPair checks that the key belongs to the first certificate, and that each certificate may sign others, as SPIFFE
// X509-SVID requires of a CA. It does not check validity and order of the chain.
func checkPair(cert, key []byte) violations {
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return violations{{"cert", "not a valid TLS key pair: " + err.Error()}}
	}
	var broken violations
	for i, der := range pair.Certificate {
		path := fmt.Sprintf("cert[%d]", i)
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			broken.add(path, "not a valid x509 certificate: %s", err)
			return broken
		}
		if !certificate.IsCA {
			broken.add(path, "basic constraint 'CA' must be set to 'true' (see X509-SVID: 4.1. Basic Constraints)")
		}
		if certificate.KeyUsage&x509.KeyUsageCertSign == 0 {
			broken.add(path, "key usage extension 'keyCertSign' must be set (see X509-SVID: 4.3. Key Usage)")
		}
		if certificate.KeyUsage&x509.KeyUsageKeyAgreement != 0 {
			broken.add(path, "key usage extension 'keyAgreement' must NOT be set (see X509-SVID: Appendix A. X.509 Field Reference)")
		}
	}
	return broken
}

func (cp *ControlPlane) checkBuiltin(_ *call, mesh string, backend *document) violations {
	var broken violations
	if _, err := typed(backend.conf(), builtinSchema()); err != nil {
		broken.add("", "could not convert backend config: %s", err)
	}
	secret := builtinSecret(mesh, "cert", backend.text("name"))
	if len(secret) > 255 {
		broken.add("mtls.backends.name", "Backend name is too long. Max length: 255")
	}
	if !isDNSName(secret) || strings.ToLower(secret) != secret {
		broken.add("mtls.backends.name", "%q name must be valid dns name", backend.text("name"))
	}
	return broken
}

// builtinSecret returns the name of the secret with the certificates or the key of a builtin CA.
func builtinSecret(mesh, half, backend string) string {
	return mesh + ".ca-builtin-" + half + "-" + backend
}

// usedSecrets returns the names of the secrets that a backend needs.
func usedSecrets(mesh string, backend *document) []string {
	switch backend.text("type") {
	case "provided":
		conf, err := typed(backend.conf(), providedSchema())
		if err != nil {
			return nil
		}
		return []string{conf.object("cert").text("secret"), conf.object("key").text("secret")}
	case "builtin":
		return []string{builtinSecret(mesh, "cert", backend.text("name")), builtinSecret(mesh, "key", backend.text("name"))}
	default:
		return nil
	}
}
