package kuma

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Server is the server that a request goes to.
type Server int

const (
	// ControlPlaneServer is the HTTP API of the control plane.
	ControlPlaneServer Server = iota
	// KubernetesServer is the API server of the cluster that the control plane runs in.
	KubernetesServer
)

// NoAddressError reports that a request needs the HTTP API of the control plane,
// and only Kubernetes is configured.
type NoAddressError struct{}

func (*NoAddressError) Error() string { return "no address of the control plane is configured" }

// NoAddress reports whether err contains a *[NoAddressError].
func NoAddress(err error) bool {
	var none *NoAddressError
	return errors.As(err, &none)
}

// Error is an unsuccessful answer of the control plane, or of a server in front
// of it.
type Error struct {
	Method, Path string
	Status       int
	// Title and Detail are the texts of the control plane.
	Title, Detail string
	// Parameters list the rejected parts of the document.
	Parameters []InvalidParameter
	// Body is the beginning of an answer that is not the control plane's: HTML,
	// text, JSON of another API. It is empty if the request had a body, or the
	// answer may contain a secret.
	Body string
	// Defect describes what is wrong with an answer that looks like the control
	// plane's, as the end of "and the answer ...". It is "" if nothing is
	// wrong.
	Defect string
	// Address is that of the server, and Origins are the sources of the address and
	// the credentials.
	Address string
	Origins Origins
	Server  Server

	absent           bool // the server says that the object does not exist
	denied           bool // the control plane does not allow it, rather than the API server
	decided          bool // the answer is the decision of the server, regardless of the status
	earlierUncertain bool // an earlier attempt may have succeeded
}

// InvalidParameter is a reason for a rejection: Field is a path in the
// document, such as `mtls.backends[0].conf.cert`.
type InvalidParameter struct {
	Field  string `json:"field"`
	Reason string `json:"reason"`
}

// Error returns the texts of the control plane, with a line for each reason.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %d %s", e.Method, e.Path, e.Status, http.StatusText(e.Status))
	switch {
	case e.Defect != "":
		fmt.Fprintf(&b, ", and the answer %s", e.Defect)
	case e.Foreign():
		b.WriteString(", and the answer is not from a control plane")
		if e.Body != "" {
			fmt.Fprintf(&b, ": %q", e.Body)
		}
	case e.Title != "" && e.Detail != "":
		fmt.Fprintf(&b, ": %s: %s", e.Title, strings.TrimSpace(e.Detail))
	case e.Title != "":
		fmt.Fprintf(&b, ": %s", e.Title)
	}
	for _, p := range e.Parameters {
		fmt.Fprintf(&b, "\n  %s: %s", p.Field, p.Reason)
	}
	return b.String()
}

// Foreign reports whether the answer is not from a control plane, but from
// another server, a gateway or a login page. Only the control plane's own
// answer has a Title.
func (e *Error) Foreign() bool {
	return e.Title == ""
}

// says reports whether the control plane itself answered with this status.
func (e *Error) says(status int) bool {
	return e.Status == status && !e.Foreign()
}

// fault reports whether the server, or one in front of it, failed.
func (e *Error) fault() bool {
	return e.Status >= http.StatusInternalServerError && !e.decided
}

// Absent reports whether the control plane says that the object, or its mesh,
// does not exist. The two answers differ only in the title (recordings, all
// versions). Any other 404 says nothing about the object: that of a gateway,
// and the control plane's own about a signing key.
func (e *Error) Absent() bool {
	return e.absent
}

// Unauthenticated reports whether the control plane does not know the user.
func (e *Error) Unauthenticated() bool {
	return e.says(http.StatusUnauthorized)
}

// Forbidden reports whether the control plane knows the user, who does not have
// the permission.
func (e *Error) Forbidden() bool {
	return e.says(http.StatusForbidden) && !e.denied
}

// ReadOnly reports whether this control plane accepts no writes of this type
// (recording "read-only control plane").
func (e *Error) ReadOnly() bool {
	return e.says(http.StatusMethodNotAllowed)
}

// Refused reports whether the control plane rejected the document as invalid.
func (e *Error) Refused() bool {
	return e.says(http.StatusBadRequest) || e.says(http.StatusUnprocessableEntity) || e.says(http.StatusInternalServerError) && e.decided || e.denied
}

// Conflict reports whether another client wrote or created the object while the
// control plane handled this write, which had no effect.
func (e *Error) Conflict() bool {
	return e.says(http.StatusConflict)
}

// Absent reports whether the control plane says that an object does not exist.
func Absent(err error) bool { return answers(err, (*Error).Absent) }

// Forbidden reports whether the control plane says that the user does not have
// the permission.
func Forbidden(err error) bool { return answers(err, (*Error).Forbidden) }

// Refused reports whether the control plane rejected a document as invalid.
func Refused(err error) bool { return answers(err, (*Error).Refused) }

// conflict reports whether the control plane says that another client wrote the
// same object at the same time.
func conflict(err error) bool { return answers(err, (*Error).Conflict) }

// answers reports whether an error contains an answer of this kind.
func answers(err error, kind func(*Error) bool) bool {
	var e *Error
	return errors.As(err, &e) && kind(e)
}

// Transient reports whether an error is transient: there was no answer, or one
// that says that the control plane, or a server in front of it, cannot answer
// now.
func Transient(err error) bool {
	var (
		e          *Error
		connection *ConnectionError
	)
	if errors.As(err, &e) {
		return e.fault() || e.Status == http.StatusTooManyRequests
	}
	return errors.As(err, &connection)
}

// ConnectionError reports that there was no answer.
type ConnectionError struct {
	// Address is that of the server, and Origins are the sources of the address and
	// the certificates.
	Address string
	Origins Origins
	Server  Server
	Err     error
}

func (e *ConnectionError) Error() string {
	return fmt.Sprintf("no answer from %s: %s", e.Address, e.Err)
}

func (e *ConnectionError) Unwrap() error { return e.Err }

// DroppedError reports a write that the control plane accepted but did not
// store.
type DroppedError struct {
	Mesh string
	// Contested reports whether other clients wrote the mesh each time, which
	// may have overwritten the change.
	Contested bool
	// Fields are the parts of the document that were not stored, as paths such
	// as `networking.outbound.passthrough`.
	Fields []string
}

func (e *DroppedError) Error() string {
	said := fmt.Sprintf("the control plane accepted the change of mesh %q, but its document does not contain the change", e.Mesh)
	if len(e.Fields) > 0 {
		said += ": " + strings.Join(e.Fields, ", ")
	}
	return said
}

func (c *Client) connectionError(to *endpoint, err error) *ConnectionError {
	err = withoutURL(err)
	if said := c.quote(err.Error(), longestText); said != err.Error() {
		err = &quotedError{said, err}
	}
	return &ConnectionError{Address: to.Address(), Origins: to.origins, Server: to.server, Err: err}
}

// quotedError replaces an error whose text quotes what no message may contain.
type quotedError struct {
	text string
	err  error
}

func (e *quotedError) Error() string { return e.text }
func (e *quotedError) Unwrap() error { return e.err }

// UnverifiedError reports a write that succeeded, but could not be read back.
type UnverifiedError struct {
	Err error
}

func (e *UnverifiedError) Error() string {
	return fmt.Sprintf("the write succeeded, but the provider could not read the result: %s", e.Err)
}

func (e *UnverifiedError) Unwrap() error { return e.Err }

// Uncertain reports whether a failed write may have taken effect: there was no
// answer to it or to an earlier attempt, or a server in front of the control
// plane answered. With a *UnverifiedError, it certainly has.
func Uncertain(err error) bool {
	var (
		e          *Error
		unverified *UnverifiedError
	)
	if err == nil || errors.As(err, &unverified) || !errors.As(err, &e) {
		return err != nil
	}
	return e.earlierUncertain || e.fault() || e.Foreign()
}

// Maximum sizes of an answer in a message, in characters and in reasons.
// Answers of a control plane are shorter.
const (
	longestBody   = 120
	longestText   = 1000
	mostRefusals  = 50
	longestReason = 500
	longestName   = 300
	longestAnswer = 8 << 10 // total bytes in which to search for secrets
)

// errorType is the type of every error of a control plane (recordings, all
// versions).
const errorType = "/std-errors"

// answerError returns the error for an unsuccessful answer.
func (c *Client) answerError(r request, status int, body []byte) *Error {
	to := c.endpoint(r)
	e := &Error{
		Method: r.method, Path: r.path, Status: status,
		Address: to.Address(), Origins: to.origins, Server: to.server,
	}
	switch {
	case to.read(e, body):
		e.Parameters = e.Parameters[:min(len(e.Parameters), mostRefusals)]
	case looksLikeJSON(body) && !json.Valid(body):
		e.Defect = jsonDefect(body)
	case r.body == nil && (status > 299 || !looksLikeJSON(body) && !strings.Contains(r.path, "secrets")):
		e.Body = strings.Join(strings.Fields(string(body[:min(len(body), 8*longestBody)])), " ")
	}
	said := []quotation{{&e.Title, longestText}, {&e.Detail, longestText}, {&e.Body, longestBody}}
	for i := range e.Parameters {
		said = append(said, quotation{&e.Parameters[i].Field, longestReason}, quotation{&e.Parameters[i].Reason, longestReason})
	}
	c.quoteAll(said)
	return e
}

// defectError returns the error for a successful answer with a [Error.Defect].
func (c *Client) defectError(r request, status int, defect string) *Error {
	e := c.answerError(r, status, nil)
	e.Defect = defect
	return e
}

// readProblem reads an error document of the control plane.
func readProblem(e *Error, body []byte) bool {
	var answer struct {
		Type       string             `json:"type"`
		Status     int                `json:"status"`
		Title      string             `json:"title"`
		Detail     string             `json:"detail"`
		Details    string             `json:"details"`
		Parameters []InvalidParameter `json:"invalid_parameters"`
	}
	err := json.Unmarshal(body, &answer)
	if err != nil || answer.Type != errorType || answer.Status != e.Status || answer.Title == "" {
		return false
	}
	e.Title, e.Detail, e.Parameters = answer.Title, cmp.Or(answer.Detail, answer.Details), answer.Parameters
	e.absent = e.Status == http.StatusNotFound && e.Detail == "Not found"
	return true
}

// looksLikeJSON reports whether a string begins like an object or a list.
func looksLikeJSON(text []byte) bool {
	text = bytes.TrimSpace(text)
	return len(text) > 0 && (text[0] == '{' || text[0] == '[')
}

// jsonDefect describes what is wrong with invalid JSON, without quoting it.
func jsonDefect(text []byte) string {
	if len(bytes.TrimSpace(text)) == 0 {
		return "is empty"
	}
	var (
		whole  json.RawMessage
		syntax *json.SyntaxError
	)
	switch err := json.NewDecoder(bytes.NewReader(text)).Decode(&whole); {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Sprintf("is incomplete JSON of %d bytes", len(text))
	case errors.As(err, &syntax):
		return fmt.Sprintf("is invalid JSON at byte %d", syntax.Offset)
	default:
		return "is invalid JSON"
	}
}

// A quotation is a string from another source, and its maximum number of
// characters in a message.
type quotation struct {
	text    *string
	longest int
}

// quoteAll prepares the texts of one answer for messages: it shortens them, and
// removes control characters and secrets. It is the only place where text of an
// answer becomes text of the provider.
func (c *Client) quoteAll(said []quotation) {
	if len(said) == 0 {
		return
	}
	texts := make([]string, len(said))
	left := longestAnswer
	for i, q := range said {
		texts[i] = printable(*q.text, min(4*q.longest, left)) // longer than the message, to find a secret that continues after the end
		left -= len(texts[i])
	}
	cleared := c.sent.clear(texts...)
	for i, q := range said {
		*q.text = cleared[i]
		if utf8.RuneCountInString(cleared[i]) > q.longest {
			*q.text = string([]rune(cleared[i])[:q.longest]) + "…"
		}
	}
}

// quote is quoteAll for one text.
func (c *Client) quote(text string, longest int) string {
	c.quoteAll([]quotation{{&text, longest}})
	return text
}

// quoteFields is quoteAll for paths in a document of the control plane.
func (c *Client) quoteFields(fields []string) []string {
	fields = fields[:min(len(fields), mostRefusals)]
	said := make([]quotation, len(fields))
	for i := range fields {
		said[i] = quotation{&fields[i], longestReason}
	}
	c.quoteAll(said)
	return fields
}

// Printable removes what cannot be printed from a string, and what a terminal or
// a reader would misinterpret: escape sequences, and marks that change the
// direction of text.
func Printable(text string) string {
	return printable(text, len(text))
}

// printable is [Printable] for the beginning of a string.
func printable(text string, longest int) string {
	count := 0
	return strings.Map(func(r rune) rune {
		if count++; count > longest || !unicode.IsPrint(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, text)
}
