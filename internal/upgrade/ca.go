package upgrade

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// identityCA returns the problems with the CA of a MeshIdentity. Version 2.14
// issues certificates from any CA, version 3.0 applies rules to it (recorded).
// The CA in a file or an environment variable of the control plane is not
// checked.
func (d *source) identityCA(ctx context.Context, mesh string, document *kuma.Document, identity node) ([]problem, error) {
	bundled := identity.to("spec").to("provider").to("bundled")
	if !bundled.isSet() || bundled.to("autogenerate").to("enabled").value == true {
		return nil, nil
	}
	from, keyFrom, err := kuma.IdentityCA(document)
	if err != nil {
		return nil, err
	}
	ca := bundled.to("ca")
	certificate, key := half{path: ca.to("certificate").path, from: from}, half{path: ca.to("privateKey").path, from: keyFrom}
	names := slices.DeleteFunc([]string{from.Secret, keyFrom.Secret}, func(name string) bool { return name == "" })
	secrets, err := d.Client.SecretsByName(ctx, mesh, kuma.Recent, names...)
	if kuma.Forbidden(err) {
		return []problem{{ca.path, unchecked, fmt.Sprintf("The token may not read secret %s, so the provider did not check the CA. Use a "+
			"token that can read the secrets of mesh %q.", tfkit.Quote(names...), mesh)}}, nil
	}
	if err != nil {
		return nil, err
	}
	if missing := slices.Concat(certificate.read(secrets), key.read(secrets)); len(missing) > 0 {
		return missing, nil
	}
	return checkCA(certificate, key, pki.Options{Now: d.Clock.Now()}), nil
}

// A half is the certificate chain or the private key of a CA.
type half struct {
	path string // in the identity
	from kuma.DataSource
	pem  []byte // nil if no API can read it
}

// read sets the content.
func (h *half) read(secrets map[string]*kuma.Secret) (missing []problem) {
	name := h.from.Secret
	switch {
	case name == "" && h.from.InlineString == "":
		return nil
	case name == "":
		h.pem = []byte(h.from.InlineString)
		return nil
	case secrets[name] == nil:
		return []problem{{h.path, refused, fmt.Sprintf("Kuma 3.0 issues no certificates: there is no secret %s. Upload it.", tfkit.Quote(name))}}
	}
	var err error
	if h.pem, err = secrets[name].Data(); err != nil { // not quoted: it may contain a part of a key
		return []problem{{h.path, refused, fmt.Sprintf("Kuma 3.0 issues no certificates: secret %s is not base64. Upload it again.", tfkit.Quote(name))}}
	}
	return nil
}

// checkCA returns what version 3.0 rejects of a CA: what its parser does not
// find, three rules for each certificate, and a key of another certificate.
func checkCA(chain, key half, options pki.Options) []problem {
	var bundle pki.Bundle
	var found []problem
	add := func(path string, problems pki.Problems) {
		for _, p := range problems.Errors() {
			message, _, _ := strings.Cut(p.String(), "\n") // without commands, which are many lines
			found = append(found, problem{path, refused, "Kuma 3.0 issues no certificates from this CA. " + message})
		}
	}
	if chain.pem != nil {
		var problems pki.Problems
		if bundle, problems = pki.ReadBundle(chain.pem); bundle.Issuer() == nil {
			add(chain.path, problems)
		}
		add(chain.path, slices.DeleteFunc(bundle.CheckWhole(options), func(p pki.Problem) bool {
			return !slices.Contains([]pki.Rule{pki.RuleBasicConstraintsCA, pki.RuleKeyUsageCertSign, pki.RuleKeyUsageKeyAgreement}, p.Rule)
		}))
	}
	if key.pem != nil {
		private, problems := pki.ReadPrivateKey(key.pem)
		if private == nil {
			add(key.path, problems)
		}
		add(key.path, bundle.CheckKey(private))
	}
	return found
}
