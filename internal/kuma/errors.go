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

// Error is an answer of the control plane, or of something in its place, that
// is no success.
type Error struct {
	Method, Path string
	Status       int
	// Title and Detail are the control plane's own words.
	Title, Detail string
	// Parameters name the parts of the document it refused.
	Parameters []InvalidParameter
	// Body is the beginning of an answer that is not the control plane's: HTML,
	// text, JSON of another API. Empty when the request had a body, or the answer
	// may hold a secret.
	Body string
	// Defect is what is wrong with an answer that looks like the control plane's,
	// and goes on "and the answer ...", "" if nothing is.
	Defect string
	// Address is that of the control plane, and Origins say where it and the
	// token were configured.
	Address string
	Origins Origins

	doubt bool // an attempt before the one that this answers may have had its effect
}

// InvalidParameter is one reason for a refusal: Field is a path into the
// document, `mtls.backends[0].conf.cert` for example.
type InvalidParameter struct {
	Field  string `json:"field"`
	Reason string `json:"reason"`
}

// Error gives all the control plane said, in one line for each reason.
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

// Foreign tells that the answer is not a control plane's: another server, a
// gateway or a login page gave it. Only the control plane's own answer has a
// Title.
func (e *Error) Foreign() bool {
	return e.Title == ""
}

// says tells that the control plane itself answered with this status.
func (e *Error) says(status int) bool {
	return e.Status == status && !e.Foreign()
}

// Absent tells that the control plane says there is no such object, or no such
// mesh. Its answer is the same for both except for the title (recordings, all
// versions). Any other 404 says nothing about the object: that of a gateway, and
// the control plane's own about a signing key.
func (e *Error) Absent() bool {
	return e.says(http.StatusNotFound) && e.Detail == "Not found"
}

// Unauthenticated tells that the control plane does not know the caller.
func (e *Error) Unauthenticated() bool {
	return e.says(http.StatusUnauthorized)
}

// Forbidden tells that the control plane knows the caller, who may not do this.
func (e *Error) Forbidden() bool {
	return e.says(http.StatusForbidden)
}

// ReadOnly tells that this control plane takes no writes of this kind
// (recording "read-only control plane").
func (e *Error) ReadOnly() bool {
	return e.says(http.StatusMethodNotAllowed)
}

// Refused tells that the control plane found the document wrong.
func (e *Error) Refused() bool {
	return e.says(http.StatusBadRequest)
}

// Conflict tells that the object was written or created by another client while
// the control plane handled this write, which had no effect.
func (e *Error) Conflict() bool {
	return e.says(http.StatusConflict)
}

// Absent tells whether err is the control plane's word that there is no such object.
func Absent(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Absent()
}

// Forbidden reports whether err is the control plane's word that the caller may
// not do this.
func Forbidden(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Forbidden() && !e.Foreign()
}

// Refused tells whether err is the control plane's refusal of a document.
func Refused(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Refused()
}

// Passing reports whether err may pass by itself: there was no answer, or one
// that says the control plane, or what is in front of it, cannot answer now.
func Passing(err error) bool {
	var (
		e          *Error
		connection *ConnectionError
	)
	if errors.As(err, &e) {
		return e.Status >= http.StatusInternalServerError || e.Status == http.StatusTooManyRequests
	}
	return errors.As(err, &connection)
}

// conflict tells whether err is the control plane's word that another client
// wrote the same object at the same time.
func conflict(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Conflict()
}

// ConnectionError is the lack of any answer.
type ConnectionError struct {
	// Address is that of the control plane, and Origins say where it and the
	// certificates were configured.
	Address string
	Origins Origins
	Err     error
}

func (e *ConnectionError) Error() string {
	return fmt.Sprintf("no answer from %s: %s", e.Address, e.Err)
}

func (e *ConnectionError) Unwrap() error { return e.Err }

// DroppedError is a write that the control plane accepted and did not keep.
type DroppedError struct {
	Mesh string
	// Contested tells that other clients wrote the mesh each time, which may have
	// overwritten the change.
	Contested bool
	// Fields are the parts of the document it did not keep, as paths of the form
	// `networking.outbound.passthrough`.
	Fields []string
}

func (e *DroppedError) Error() string {
	said := fmt.Sprintf("the control plane accepted the change of mesh %q, but its document does not contain the change", e.Mesh)
	if len(e.Fields) > 0 {
		said += ": " + strings.Join(e.Fields, ", ")
	}
	return said
}

func (c *Client) connectionError(err error) *ConnectionError {
	err = withoutURL(err)
	if said := c.quote(err.Error(), longestText); said != err.Error() {
		err = &quotedError{said, err}
	}
	return &ConnectionError{Address: c.Address(), Origins: c.config.Origins, Err: err}
}

// quotedError is an error whose text quoted what is in no message.
type quotedError struct {
	text string
	err  error
}

func (e *quotedError) Error() string { return e.text }
func (e *quotedError) Unwrap() error { return e.err }

// UnverifiedError is a write that succeeded and could not be read back.
type UnverifiedError struct {
	Err error
}

func (e *UnverifiedError) Error() string {
	return fmt.Sprintf("the write succeeded, but the provider could not read the result: %s", e.Err)
}

func (e *UnverifiedError) Unwrap() error { return e.Err }

// Uncertain tells that a write may have had its effect although err came back:
// there was no answer to it or to an earlier attempt at it, or one of something
// between here and the control plane. Of a *UnverifiedError it is sure.
func Uncertain(err error) bool {
	var (
		e          *Error
		unverified *UnverifiedError
	)
	if err == nil || errors.As(err, &unverified) || !errors.As(err, &e) {
		return err != nil
	}
	return e.doubt || e.Status >= http.StatusInternalServerError || e.Foreign()
}

// How much of an answer goes into a message, in characters and in reasons. A
// control plane says less.
const (
	longestBody   = 120
	longestText   = 1000
	mostRefusals  = 50
	longestReason = 500
	longestName   = 300
	longestAnswer = 8 << 10 // bytes of all of them, in which secrets are looked for
)

// errorType is the type of every error that a control plane answers with
// (recordings, all versions).
const errorType = "/std-errors"

// answerError reads what an answer without success says.
func (c *Client) answerError(r request, status int, body []byte) *Error {
	e := &Error{
		Method: r.method, Path: r.path, Status: status,
		Address: c.Address(), Origins: c.config.Origins,
	}
	var answer struct {
		Type       string             `json:"type"`
		Status     int                `json:"status"`
		Title      string             `json:"title"`
		Detail     string             `json:"detail"`
		Details    string             `json:"details"`
		Parameters []InvalidParameter `json:"invalid_parameters"`
	}
	err := json.Unmarshal(body, &answer)
	switch {
	case err == nil && answer.Type == errorType && answer.Status == status && answer.Title != "":
		e.Title, e.Detail = answer.Title, cmp.Or(answer.Detail, answer.Details)
		e.Parameters = answer.Parameters[:min(len(answer.Parameters), mostRefusals)]
	case err != nil && looksLikeJSON(body) && !json.Valid(body):
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

// looksLikeJSON tells whether a string begins as an object or a list.
func looksLikeJSON(text []byte) bool {
	text = bytes.TrimSpace(text)
	return len(text) > 0 && (text[0] == '{' || text[0] == '[')
}

// jsonDefect is what is wrong with JSON that cannot be read, without its text.
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

// A quotation is a string that came from elsewhere, and how many characters of it
// a message has at most.
type quotation struct {
	text    *string
	longest int
}

// quoteAll makes texts of one answer fit for messages: short, without what a
// terminal would obey, and without what is not to be seen. It is the one place
// where text of an answer becomes text of the provider.
func (c *Client) quoteAll(said []quotation) {
	texts := make([]string, len(said))
	left := longestAnswer
	for i, q := range said {
		texts[i] = printable(*q.text, min(4*q.longest, left)) // more than is shown, so that a secret is seen that goes on behind it
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

// quoteFields is quoteAll for paths into a document of the control plane.
func (c *Client) quoteFields(fields []string) []string {
	fields = fields[:min(len(fields), mostRefusals)]
	said := make([]quotation, len(fields))
	for i := range fields {
		said[i] = quotation{&fields[i], longestReason}
	}
	c.quoteAll(said)
	return fields
}

// Printable is a string without what cannot be printed, and what a terminal or a
// reader would take for something else: escape sequences, marks that change the
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
