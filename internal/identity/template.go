package identity

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"text/template"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
)

// Templates of a MeshIdentity without spiffe_id (IDENTITY recordings).
const (
	defaultTrustDomain    = "{{ .Mesh }}.{{ .Zone }}.mesh.local"
	defaultPath           = "/workload/{{ .Workload }}"
	defaultKubernetesPath = "/ns/{{ .Namespace }}/sa/{{ .ServiceAccount }}"
)

// domainFields and pathFields are what the templates can refer to.
type (
	domainFields struct{ Mesh, Zone string }
	pathFields   struct{ TrustDomain, Workload, Namespace, ServiceAccount string }
)

// errNoLabel stops a template that needs a label or a field without a value.
var errNoLabel = errors.New("there is no such label")

// render executes a template of the control plane with fields and labels.
func render(text string, fields any, label func(string) (string, error)) (string, error) {
	parsed, err := template.New("").Option("missingkey=error").Funcs(template.FuncMap{"label": label}).Parse(text)
	if err != nil {
		return "", err
	}
	var rendered strings.Builder
	err = parsed.Execute(&rendered, fields)
	return rendered.String(), err
}

// sample is the value of every field and label while a template is checked.
const sample = "sample"

func sampled(text string, fields any) (string, error) {
	rendered, err := render(text, fields, func(string) (string, error) { return sample, nil })
	if err != nil {
		return "", fmt.Errorf("it is not a template that the control plane can render (%w)", templateError(err))
	}
	return rendered, nil
}

// templateError returns an error of text/template without the name of the
// template and the Go types of the fields.
func templateError(err error) error {
	text := strings.TrimPrefix(err.Error(), "template: ")
	if _, field, found := strings.Cut(text, "can't evaluate field "); found {
		name, _, _ := strings.Cut(field, " ")
		return fmt.Errorf("there is no field .%s", name)
	}
	return errors.New(strings.TrimLeft(text, ": 0123456789"))
}

// maxTrustDomain is the maximum length of the trust domain of a MeshTrust, which is
// less than that of SPIFFE.
const maxTrustDomain = 253

// checkDomain finds the problem with a trust domain.
func checkDomain(name string) error {
	if len(name) > maxTrustDomain {
		return fmt.Errorf("it has %d characters, and the maximum is %d", len(name), maxTrustDomain)
	}
	return pki.CheckTrustDomain(name)
}

func checkTrustDomain(text string) error {
	rendered, err := sampled(text, domainFields{sample, sample})
	if err == nil {
		err = checkDomain(rendered)
	}
	return err
}

func checkPath(text string) error {
	rendered, err := sampled(text, pathFields{sample, sample, sample, sample})
	if err == nil {
		err = pki.CheckSPIFFEPath(rendered)
	}
	return err
}

// Labels of a proxy from which the control plane takes the fields of a path.
const (
	zoneLabel           = "kuma.io/zone"
	workloadLabel       = "kuma.io/workload"
	namespaceLabel      = "k8s.kuma.io/namespace"
	serviceAccountLabel = "k8s.kuma.io/service-account"
)

// kubernetes is the value of the label kuma.io/env on Kubernetes.
const kubernetes = "kubernetes"

// A proxyID renders the SPIFFE ID of a proxy.
type proxyID struct {
	mesh, zone, environment string
	trustDomain, path       string            // templates, "" for the defaults
	labels                  map[string]string // of the proxy
}

// domain returns the trust domain, or "" if it cannot be rendered.
func (p proxyID) domain() string {
	text := cmp.Or(p.trustDomain, defaultTrustDomain)
	if p.zone == "" && strings.Contains(text, ".Zone") {
		return ""
	}
	rendered, err := render(text, domainFields{p.mesh, p.zone}, p.label)
	if err != nil || checkDomain(rendered) != nil {
		return ""
	}
	return rendered
}

func (p proxyID) label(name string) (string, error) {
	value, there := p.labels[name]
	if !there {
		return "", errNoLabel
	}
	return value, nil
}

// id returns the SPIFFE ID, or "" if it cannot be rendered.
func (p proxyID) id() string {
	text := cmp.Or(p.path, defaultPath)
	if p.path == "" && p.environment == kubernetes {
		text = defaultKubernetesPath
	}
	domain := p.domain()
	for field, label := range map[string]string{".Workload": workloadLabel, ".Namespace": namespaceLabel, ".ServiceAccount": serviceAccountLabel} {
		if strings.Contains(text, field) && p.labels[label] == "" {
			return ""
		}
	}
	fields := pathFields{domain, p.labels[workloadLabel], p.labels[namespaceLabel], p.labels[serviceAccountLabel]}
	rendered, err := render(text, fields, p.label)
	id := pki.JoinSPIFFEID(domain, rendered)
	if errors.Join(err, pki.CheckSPIFFEPath(rendered), pki.CheckSPIFFEID(id)) != nil {
		return ""
	}
	return id
}

// isConstant reports whether a template has no actions.
func isConstant(text string) bool { return !strings.Contains(text, "{{") }
