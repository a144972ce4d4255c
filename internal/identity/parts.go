package identity

import (
	"errors"
	"maps"
	"path"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/part"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// Values of mesh_trust_creation.
const (
	trustEnabled  = "Enabled"
	trustDisabled = "Disabled"
)

// identityParts returns the parts of a MeshIdentity (recording "identity: bodies
// of the three types").
func identityParts() part.Parts {
	return part.Parts{
		{
			Name: "selector", Member: "spec.selector",
			Description: "Proxies that get this identity. Without a selector, no proxy does. If several identities select a proxy, the " +
				"one with the most labels applies, and among equals the first one by name.",
			Kind: part.Object{Counts: true, Parts: part.Parts{{
				Name: "dataplane", Member: "dataplane",
				Description: "Data plane proxies. Without labels, all proxies of the mesh. Without `dataplane`, as in `selector = {}`, no " +
					"proxy: the control plane prepares the identity, and issues no certificates.",
				Kind: part.Object{Counts: true, Parts: part.Parts{{
					Name: "match_labels", Member: "matchLabels", Description: "Labels that a proxy must have. `{}` selects all proxies.",
					Kind: part.Map{Empty: true, Key: tfkit.AnyLabelName(), Value: tfkit.LabelValue()},
				}}},
			}}},
		},
		{
			Name: "spiffe_id", Member: "spec.spiffeID", Description: "Form of the SPIFFE IDs.",
			Kind: part.Object{Parts: part.Parts{
				{
					Name: "trust_domain", Member: "trustDomain",
					Description: "Template of the trust domain. It can contain `{{ .Mesh }}`, `{{ .Zone }}` and `{{ label \"NAME\" }}`. By " +
						"default, `{{ .Mesh }}.{{ .Zone }}.mesh.local`.",
					Kind: part.Text{Check: checkTrustDomain},
				},
				{
					Name: "path", Member: "path",
					Description: "Template of the path, which begins with `/`. It can contain `{{ .TrustDomain }}`, `{{ .Workload }}`, " +
						"`{{ .Namespace }}`, `{{ .ServiceAccount }}` and `{{ label \"NAME\" }}` of the proxy. By default, " +
						"`/workload/{{ .Workload }}`, and on Kubernetes `/ns/{{ .Namespace }}/sa/{{ .ServiceAccount }}`.",
					Kind: part.Text{Check: checkPath},
				},
			}},
		},
		{
			Name: "bundled", Member: "spec.provider.bundled", With: map[string]string{"spec.provider.type": "Bundled"},
			Description: "The control plane issues the certificates. Without `bundled`, `spire` and `extension`, the control plane " +
				"only announces the SPIFFE IDs, and issues nothing. Conflicts with `spire` and `extension`.",
			Kind: bundled(),
		},
		{
			Name: "spire", Member: "spec.provider.spire", With: map[string]string{"spec.provider.type": "Spire"},
			Description: "SPIRE issues the certificates. Conflicts with `bundled` and `extension`.",
			Kind: part.Object{Counts: true, Parts: part.Parts{{
				Name: "agent_timeout", Member: "agent.timeout", Kind: duration(tfkit.Duration()),
				Description: "Maximum duration of a request to the SPIRE agent, such as `1s`. By default, that of the control plane.",
			}}},
		},
		{
			Name: "extension", Member: "spec.provider.extension", With: map[string]string{"spec.provider.type": "Extension"},
			Description: "An extension of the control plane issues the certificates. Conflicts with `bundled` and `spire`.",
			Kind: part.Object{Counts: true, Parts: part.Parts{
				{Name: "name", Member: "name", Required: true, Description: "Name of the extension.", Kind: part.Text{}},
				{Name: "config", Member: "config", Description: "Configuration of the extension as JSON, such as from `jsonencode`.", Kind: part.JSON{}},
			}},
		},
	}
}

func bundled() part.Object {
	return part.Object{Counts: true, Check: checkBundled, Parts: part.Parts{
		{
			Name: "ca", Member: "ca",
			Description: "CA that issues the certificates. Set exactly one of `ca` and `autogenerate = true`.",
			Kind: part.Object{Parts: part.Parts{
				{Name: "certificate", Member: "certificate", Required: true, Description: "Source of the certificate chain. Set exactly one of the following.", Kind: source("certificate chain", false)},
				{Name: "private_key", Member: "privateKey", Required: true, Description: "Source of the private key of the first certificate. Set exactly one of the following.", Kind: source("private key", true)},
			}},
		},
		{
			Name: "autogenerate", Member: "autogenerate.enabled", Kind: part.Boolean{},
			Description: "Whether the control plane generates a self-signed CA. Its certificate and its key are in secrets that belong to the identity.",
		},
		{
			Name: "expiration", Member: "certificateParameters.expiry", Kind: duration(tfkit.IdentityLifetime()),
			Description: "Lifetime of a certificate, such as `24h`, and at least one minute. A proxy gets its next certificate after 4/5 of " +
				"it. By default, `24h` in Kuma 2 and `120h` in Kuma 3.",
		},
		{
			Name: "mesh_trust_creation", Member: "meshTrustCreation",
			Description: "`Enabled`: the control plane generates a MeshTrust with the name of this identity, and appends each further CA to " +
				"it. `Disabled`: proxies trust only what `kongmesh_mesh_trust` resources contain. Use `Disabled` to rotate a CA.",
			Kind: part.Text{Default: trustEnabled, Values: []string{trustEnabled, trustDisabled}},
		},
		{
			Name: "insecure_allow_self_signed", Member: "insecureAllowSelfSigned", Kind: part.Boolean{},
			Description: "Whether the first certificate of the CA can be self-signed, such as a root that issues to proxies itself.",
		},
	}}
}

// source returns the forms of the source of a certificate chain or a key.
func source(what string, sensitive bool) part.Object {
	of := func(name, member, kind string, more map[string]string, description string, text part.Text) part.Part {
		with := map[string]string{"type": kind}
		maps.Copy(with, more)
		return part.Part{Name: name, Member: member, With: with, Description: description, Kind: text}
	}
	inline := tfkit.CheckSecret("Invalid value", "a string that is not empty", notEmpty)
	if !sensitive {
		inline = tfkit.WithoutKey(inline)
	}
	return part.Object{ExactlyOne: true, Parts: part.Parts{
		of("secret", "secretRef.name", "Secret", map[string]string{"secretRef.kind": "Secret"}, "Name of a secret of the mesh.", part.Text{Rule: tfkit.SecretName()}),
		of("file", "file.path", "File", nil, "Absolute path of a file on the control plane's machine.", part.Text{Check: checkFile}),
		of("env_var", "envVar.name", "EnvVar", nil, "Name of an environment variable of the control plane.", part.Text{}),
		of("inline", "insecureInline.value", "InsecureInline", nil,
			"The "+what+" in PEM. Only for development: it is stored in the MeshIdentity and in the state.",
			part.Text{Sensitive: sensitive, Same: sameMaterial, Rule: inline}),
	}}
}

// trustParts returns the parts of a MeshTrust.
func trustParts() part.Parts {
	return part.Parts{
		{
			Name: "trust_domain", Member: "spec.trustDomain", Required: true,
			Description: "Trust domain of the SPIFFE IDs that these CAs can issue, such as `payments.default.mesh.local`. It is not a template.",
			Kind:        part.Text{Check: checkDomain},
		},
		{
			Name: "ca_bundles", Member: "spec.caBundles", Required: true,
			Description: "CAs that proxies trust in the trust domain: a list of strings in PEM, each with one or more certificates. " +
				"They are compared as certificates, not as text.",
			Kind: part.Texts{Member: "pem.value", With: map[string]string{"type": "Pem"}, Of: part.Text{Same: sameMaterial, Rule: trustedCAs()}},
		},
	}
}

func duration(rule validator.String) part.Text {
	return part.Text{Rule: rule, Same: tfkit.SameDuration}
}

func sameMaterial(a, b string) bool { return pki.SameMaterial([]byte(a), []byte(b)) }

func notEmpty(text string) error {
	if strings.TrimSpace(text) == "" {
		return errors.New("it is empty")
	}
	return nil
}

// checkFile applies the control plane's rules for the path of a file (recording
// "identity: bodies of the three types").
func checkFile(name string) error {
	switch {
	case !path.IsAbs(name):
		return errors.New("the path must be absolute, because it is on the control plane's machine")
	case strings.Contains(name, ".."):
		return errors.New(`the path must not contain ".."`)
	}
	return nil
}

// checkBundled finds contradictions in the settings of the provider Bundled.
func checkBundled(bundled part.Values) []part.Flaw {
	generate, _ := bundled["autogenerate"].(types.Bool)
	insecure, _ := bundled["insecure_allow_self_signed"].(types.Bool)
	switch ca := bundled["ca"]; {
	case generate.IsUnknown() || ca == nil || ca.IsUnknown():
	case generate.ValueBool() && !ca.IsNull():
		return []part.Flaw{{Attribute: "autogenerate", Problem: "autogenerate = true and ca are two CAs. Remove one of them"}}
	case !generate.ValueBool() && ca.IsNull():
		return []part.Flaw{{Attribute: "ca", Problem: "There is no CA. Set ca, or autogenerate = true"}}
	case generate.ValueBool() && !insecure.IsUnknown() && !insecure.ValueBool():
		return []part.Flaw{{Attribute: "insecure_allow_self_signed", Problem: "A CA that the control plane generates is self-signed, and " +
			"without insecure_allow_self_signed = true it issues nothing from it. Set it to true, or set ca"}}
	}
	return nil
}

// known reports whether a value and everything in it is known.
func known(value attr.Value) bool {
	if value == nil || value.IsUnknown() {
		return false
	}
	for _, inner := range part.AttributesOf(value) {
		if !known(inner) {
			return false
		}
	}
	return true
}
