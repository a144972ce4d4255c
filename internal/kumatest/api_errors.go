package kumatest

import (
	"fmt"
	"net/http"
	"strings"
)

// A violation is a violated rule of a document, at a path such as mtls.backends[0].conf.cert.
type violation struct {
	field  string
	reason string
}

type violations []violation

func (v *violations) add(field, format string, args ...any) {
	*v = append(*v, violation{field: field, reason: fmt.Sprintf(format, args...)})
}

// under returns the violations with path before each field.
func (v violations) under(path string) violations {
	moved := make(violations, len(v))
	for i, one := range v {
		moved[i] = violation{field: joinPath(path, one.field), reason: one.reason}
	}
	return moved
}

// String returns the violations in one line, as a control plane's own errors have them.
func (v violations) String() string {
	texts := make([]string, len(v))
	for i, one := range v {
		texts[i] = one.field + ": " + one.reason
	}
	return strings.Join(texts, "; ")
}

func joinPath(parent, child string) string {
	switch {
	case parent == "":
		return child
	case child == "", strings.HasPrefix(child, "["):
		return parent + child
	default:
		return parent + "." + child
	}
}

// A refusal is an error document in an answer of the control plane.
type refusal struct {
	status     int
	title      string
	detail     string
	violations violations
}

func (r *refusal) Error() string {
	return fmt.Sprintf("%d %s: %s", r.status, r.title, r.detail)
}

func notFound(title string) *refusal {
	return &refusal{status: http.StatusNotFound, title: title, detail: "Not found"}
}

func badRequest(format string, args ...any) *refusal {
	return &refusal{status: http.StatusBadRequest, title: "Bad Request", detail: fmt.Sprintf(format, args...)}
}

// internal returns the answer to an unexpected error.
func internal(title string) *refusal {
	return &refusal{status: http.StatusInternalServerError, title: title, detail: "Internal Server Error"}
}

// invalid returns a refusal if rules are violated, otherwise nil.
func invalid(title string, broken violations) error {
	if len(broken) == 0 {
		return nil
	}
	return &refusal{status: http.StatusBadRequest, title: title, detail: "Resource is not valid", violations: broken}
}

func methodNotAllowed(detail string) *refusal {
	return &refusal{status: http.StatusMethodNotAllowed, title: "Method not allowed", detail: detail}
}

// conflict returns the answer to a write that conflicts with another one (store/error.go of Kuma, all versions).
func conflict(path string) *refusal {
	kind, mesh, name := "Mesh", "", strings.TrimPrefix(path, "/meshes/")
	if of, secret, is := strings.Cut(name, "/secrets/"); is {
		kind, mesh, name = "Secret", of, secret
	} else if global, is := strings.CutPrefix(path, "/global-secrets/"); is {
		kind, name = "GlobalSecret", global
	}
	return &refusal{status: http.StatusConflict, title: "Conflict", detail: fmt.Sprintf("resource conflict: type=%q name=%q mesh=%q", kind, name, mesh)}
}

// answer encodes the refusal. The control plane repeats everything: with the current names and with those for older
// clients.
func (r *refusal) answer() answer {
	type parameter struct {
		Field  string `json:"field"`
		Reason string `json:"reason"`
	}
	type cause struct {
		Field   string `json:"field"`
		Message string `json:"message"`
	}
	body := struct {
		Type              string      `json:"type"`
		Status            int         `json:"status"`
		Title             string      `json:"title"`
		Detail            string      `json:"detail"`
		InvalidParameters []parameter `json:"invalid_parameters,omitempty"`
		Details           string      `json:"details"`
		Causes            []cause     `json:"causes,omitempty"`
	}{Type: "/std-errors", Status: r.status, Title: r.title, Detail: r.detail, Details: r.detail}
	for _, v := range r.violations {
		body.InvalidParameters = append(body.InvalidParameters, parameter{v.field, v.reason})
		body.Causes = append(body.Causes, cause{v.field, v.reason})
	}
	return jsonAnswer(r.status, body)
}
