package kumatest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
)

// An identitySpec is the spec of a MeshIdentity.
type identitySpec struct {
	Selector struct {
		Dataplane *struct {
			MatchLabels map[string]string `json:"matchLabels"`
		} `json:"dataplane"`
	} `json:"selector"`
	SpiffeID struct {
		TrustDomain *string `json:"trustDomain"`
		Path        *string `json:"path"`
	} `json:"spiffeID"`
	Provider *struct {
		Type    string          `json:"type"`
		Bundled bundledProvider `json:"bundled"`
	} `json:"provider"`
}

// A bundledProvider issues identities from a CA that the control plane has.
type bundledProvider struct {
	MeshTrustCreation       string `json:"meshTrustCreation"`
	InsecureAllowSelfSigned bool   `json:"insecureAllowSelfSigned"`
	Autogenerate            struct {
		Enabled bool `json:"enabled"`
	} `json:"autogenerate"`
	CA struct {
		Certificate source `json:"certificate"`
		PrivateKey  source `json:"privateKey"`
	} `json:"ca"`
	CertificateParameters struct {
		Expiry *string `json:"expiry"`
	} `json:"certificateParameters"`
}

// A source is where a control plane reads one half of a CA.
type source struct {
	Type string `json:"type"`
	File struct {
		Path string `json:"path"`
	} `json:"file"`
	EnvVar struct {
		Name string `json:"name"`
	} `json:"envVar"`
	InsecureInline struct {
		Value string `json:"value"`
	} `json:"insecureInline"`
	SecretRef struct {
		Name string `json:"name"`
	} `json:"secretRef"`
}

// Kinds of providers and of sources.
const (
	bundledKind   = "Bundled"
	spireKind     = "Spire"
	extensionKind = "Extension"

	secretSource = "Secret"
	fileSource   = "File"
	envVarSource = "EnvVar"
	inlineSource = "InsecureInline"
)

// identitySpecOf returns the spec of a MeshIdentity.
func identitySpecOf(identity *resource) identitySpec {
	var spec identitySpec
	if err := json.Unmarshal(mustMarshal(identity.spec), &spec); err != nil {
		panic(err) // its schema was validated
	}
	return spec
}

// selects reports whether the identity is for a proxy with these labels, and how many labels its selector has. Of
// several identities, the one with the most labels is used and, of those, the first by name.
func (s identitySpec) selects(labels map[string]string) (specificity int, yes bool) {
	if s.Selector.Dataplane == nil {
		return 0, false
	}
	wanted := s.Selector.Dataplane.MatchLabels
	for name, value := range wanted {
		if is, ok := labels[name]; !ok || is != value {
			return 0, false
		}
	}
	return len(wanted), true
}

// readsFiles reports whether the CA is in files or environment variables of the control plane.
func (s identitySpec) readsFiles() bool {
	if s.Provider == nil || s.Provider.Type != bundledKind {
		return false
	}
	outside := []string{fileSource, envVarSource}
	ca := s.Provider.Bundled.CA
	return slices.Contains(outside, ca.Certificate.Type) || slices.Contains(outside, ca.PrivateKey.Type)
}

// createsTrust reports whether the control plane keeps a MeshTrust with the CA of the identity.
func (s identitySpec) createsTrust() bool {
	return s.Provider != nil && s.Provider.Type == bundledKind && s.Provider.Bundled.MeshTrustCreation != "Disabled"
}

// lifetime returns how long a certificate of the identity is valid.
func (s identitySpec) lifetime(release release) time.Duration {
	if s.Provider == nil || s.Provider.Bundled.CertificateParameters.Expiry == nil {
		return release.identityLifetime
	}
	lifetime, err := time.ParseDuration(*s.Provider.Bundled.CertificateParameters.Expiry)
	if err != nil {
		panic(err) // the control plane has normalized it
	}
	return lifetime
}

// sources returns where the certificates and the key of a Bundled identity are. Generated ones are in two secrets.
func (s identitySpec) sources(identity *resource) (cert, key source) {
	bundled := s.Provider.Bundled
	if !bundled.Autogenerate.Enabled {
		return bundled.CA.Certificate, bundled.CA.PrivateKey
	}
	cert.Type, key.Type = secretSource, secretSource
	cert.SecretRef.Name, key.SecretRef.Name = generatedSecrets(identity)
	return cert, key
}

// generatedSecrets returns the names of the secrets of an identity whose CA the control plane generates.
func generatedSecrets(identity *resource) (cert, key string) {
	name := displayName(identity.name, identity.labels)
	return name + "-root-ca", name + "-private-key"
}

// read returns the content of a source. It gets the content of a secret of the identity's mesh from secret.
func (s source) read(secret func(name string) ([]byte, error)) ([]byte, error) {
	switch s.Type {
	case secretSource:
		return secret(s.SecretRef.Name)
	case fileSource:
		return os.ReadFile(s.File.Path)
	case inlineSource:
		return []byte(s.InsecureInline.Value), nil
	default:
		value, ok := os.LookupEnv(s.EnvVar.Name)
		if !ok {
			return nil, fmt.Errorf("environment variable: %s is not defined", s.EnvVar.Name)
		}
		return []byte(value), nil
	}
}

// trustDomain renders the trust domain of an identity in a zone.
func (s identitySpec) trustDomain(identity *resource, zone string) (string, error) {
	text := "{{ .Mesh }}.{{ .Zone }}.mesh.local"
	if s.SpiffeID.TrustDomain != nil {
		text = *s.SpiffeID.TrustDomain
	}
	if own := identity.labels[zoneLabel]; own != "" {
		zone = own
	}
	data := struct {
		Mesh string
		Zone string
	}{identity.mesh, zone}
	return renderIdentity(text, identity.labels, data)
}

// spiffeID renders the SPIFFE ID of a proxy with these labels.
func (s identitySpec) spiffeID(trustDomain string, labels map[string]string, kubernetes bool) (spiffeid.ID, error) {
	path := "/workload/{{ .Workload }}"
	if kubernetes {
		path = "/ns/{{ .Namespace }}/sa/{{ .ServiceAccount }}"
	}
	if s.SpiffeID.Path != nil {
		path = *s.SpiffeID.Path
	}
	data := struct {
		TrustDomain    string
		Namespace      string
		ServiceAccount string
		Workload       string
	}{trustDomain, labels["k8s.kuma.io/namespace"], labels["k8s.kuma.io/service-account"], labels["kuma.io/workload"]}
	text, err := renderIdentity("spiffe://{{ .TrustDomain }}"+path, labels, data)
	if err != nil {
		return spiffeid.ID{}, fmt.Errorf("failed to render SPIFFE ID template: %w", err)
	}
	id, err := spiffeid.FromString(text)
	if err != nil {
		return spiffeid.ID{}, fmt.Errorf("failed to parse SPIFFE ID %q: %w", text, err)
	}
	return id, nil
}

// renderIdentity renders a template of a MeshIdentity, in which label returns one of labels.
func renderIdentity(text string, labels map[string]string, data any) (string, error) {
	parsed, err := template.New("").Funcs(labelFunction(labels)).Parse(text)
	if err != nil {
		return "", fmt.Errorf("failed compiling Go template: %w", err)
	}
	var rendered strings.Builder
	if err := parsed.Execute(&rendered, data); err != nil {
		return "", fmt.Errorf("executing template failed: %w", err)
	}
	return rendered.String(), nil
}

func labelFunction(labels map[string]string) template.FuncMap {
	return template.FuncMap{"label": func(name string) (string, error) {
		value, ok := labels[name]
		if !ok {
			return "", errors.New("label " + name + " not found")
		}
		return value, nil
	}}
}
