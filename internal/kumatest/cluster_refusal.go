package kumatest

import (
	"fmt"
	"net/http"
	"strings"
)

// A clusterCause is one reason for a refusal of the API server.
type clusterCause struct {
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message"`
	Field   string `json:"field,omitempty"`
}

// clusterDetails say what a refusal is about.
type clusterDetails struct {
	Name   string         `json:"name,omitempty"`
	Group  string         `json:"group,omitempty"`
	Kind   string         `json:"kind,omitempty"`
	UID    string         `json:"uid,omitempty"`
	Causes []clusterCause `json:"causes,omitempty"`
}

// A clusterRefusal is the error document of the API server: a Status.
type clusterRefusal struct {
	code            int
	reason, message string
	details         *clusterDetails
}

func (r *clusterRefusal) Error() string { return fmt.Sprintf("%d %s: %s", r.code, r.reason, r.message) }

type clusterStatus struct {
	Kind       string          `json:"kind"`
	APIVersion string          `json:"apiVersion"`
	Metadata   struct{}        `json:"metadata"`
	Status     string          `json:"status"`
	Message    string          `json:"message,omitempty"`
	Reason     string          `json:"reason,omitempty"`
	Details    *clusterDetails `json:"details,omitempty"`
	Code       int             `json:"code,omitempty"`
}

func (r *clusterRefusal) answer() answer {
	return jsonAnswer(r.code, clusterStatus{
		Kind: "Status", APIVersion: "v1", Status: "Failure", Message: r.message, Reason: r.reason, Details: r.details, Code: r.code,
	})
}

// deleted is the answer to a deletion.
func (call *clusterCall) deleted(name, uid string) answer {
	return jsonAnswer(http.StatusOK, clusterStatus{
		Kind: "Status", APIVersion: "v1", Status: "Success",
		Details: &clusterDetails{Name: name, Group: call.kind.group, Kind: call.kind.plural, UID: uid},
	})
}

func (call *clusterCall) details(name string) *clusterDetails {
	return &clusterDetails{Name: name, Group: call.kind.group, Kind: call.kind.plural}
}

func (call *clusterCall) absent(name string) error {
	return &clusterRefusal{
		code: http.StatusNotFound, reason: "NotFound",
		message: fmt.Sprintf("%s %q not found", call.kind.resource(), name), details: call.details(name),
	}
}

func (call *clusterCall) exists(name string) error {
	return &clusterRefusal{
		code: http.StatusConflict, reason: "AlreadyExists",
		message: fmt.Sprintf("%s %q already exists", call.kind.resource(), name), details: call.details(name),
	}
}

func (call *clusterCall) conflict(name string) error {
	return &clusterRefusal{
		code: http.StatusConflict, reason: "Conflict",
		message: fmt.Sprintf("Operation cannot be fulfilled on %s %q: the object has been modified; please apply your changes to the latest version and try again",
			call.kind.resource(), name),
		details: call.details(name),
	}
}

// badObject is a refusal of Kubernetes' own rules.
func (call *clusterCall) badObject(name, field, reason, text string) error {
	kind, details := call.kind.qualified(), &clusterDetails{Name: name, Group: call.kind.group, Kind: call.kind.name}
	if field == "metadata.resourceVersion" { // which is found out by other means
		kind, details.Kind = call.kind.resource(), call.kind.plural
	}
	details.Causes = []clusterCause{{reason, text, field}}
	return &clusterRefusal{
		code: http.StatusUnprocessableEntity, reason: "Invalid",
		message: fmt.Sprintf("%s %q is invalid: %s: %s", kind, name, field, text), details: details,
	}
}

func badClusterRequest(format string, args ...any) error {
	return &clusterRefusal{code: http.StatusBadRequest, reason: "BadRequest", message: fmt.Sprintf(format, args...)}
}

// Names of the control plane's webhooks.
const (
	meshDefaulter   = "mesh.defaulter.kuma-admission.kuma.io"
	validator       = "validator.kuma-admission.kuma.io"
	secretValidator = "secret.validator.kuma-admission.kuma.io"
)

// denied is a webhook's refusal without causes.
func denied(webhook string, code int, reason, text string) error {
	return &clusterRefusal{code: code, reason: reason, message: fmt.Sprintf("admission webhook %q denied the request: %s", webhook, text)}
}

// invalidObject is a webhook's refusal of a document, nil when no rule is broken.
func (call *clusterCall) invalidObject(webhook, name string, broken violations) error {
	if len(broken) == 0 {
		return nil
	}
	details := &clusterDetails{Name: name, Kind: call.kind.name}
	var texts []string
	for _, v := range broken {
		details.Causes = append(details.Causes, clusterCause{"FieldValueInvalid", v.reason, v.field})
		texts = append(texts, v.field+": "+v.reason)
	}
	refused := &clusterRefusal{
		code: http.StatusUnprocessableEntity, reason: "Invalid", details: details,
		message: fmt.Sprintf("admission webhook %q denied the request: %s", webhook, strings.Join(texts, "; ")),
	}
	return refused
}

// unreachable is what the API server says of a webhook that does not answer.
func unreachable(webhook, path string) error {
	text := fmt.Sprintf(`failed calling webhook %q: failed to call webhook: Post "https://<admission>%s?timeout=10s": dial tcp <admission>: connect: connection refused`, webhook, path)
	return &clusterRefusal{
		code: http.StatusInternalServerError, reason: "InternalError", message: "Internal error occurred: " + text,
		details: &clusterDetails{Causes: []clusterCause{{Message: text}}},
	}
}
