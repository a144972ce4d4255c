package kuma

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
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
	// text. Empty when the request had a body, which such an answer may repeat.
	Body string
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
	case e.Foreign():
		b.WriteString(", and the answer is not one of a control plane")
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

// Foreign tells that the answer has not the form of a control plane's: another
// server, a proxy or a login page gave it.
func (e *Error) Foreign() bool {
	return e.Title == ""
}

// Absent tells that the control plane says there is no such object. A 404 of
// anything else says nothing about the object.
func (e *Error) Absent() bool {
	return e.Status == http.StatusNotFound && !e.Foreign()
}

// Unauthenticated tells that the control plane does not know the caller.
func (e *Error) Unauthenticated() bool {
	return e.Status == http.StatusUnauthorized
}

// Forbidden tells that the control plane knows the caller, who may not do this.
func (e *Error) Forbidden() bool {
	return e.Status == http.StatusForbidden
}

// ReadOnly tells that this control plane takes no writes of this kind
// (recording "read-only control plane").
func (e *Error) ReadOnly() bool {
	return e.Status == http.StatusMethodNotAllowed
}

// Refused tells that the control plane found the document wrong.
func (e *Error) Refused() bool {
	return e.Status == http.StatusBadRequest
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
	// Fields are the parts of the document it did not keep, as paths of the form
	// `networking.outbound.passthrough`.
	Fields []string
}

func (e *DroppedError) Error() string {
	said := fmt.Sprintf("the control plane accepted the change of mesh %q, but it is not in what it gives back", e.Mesh)
	if len(e.Fields) > 0 {
		said += ": " + strings.Join(e.Fields, ", ")
	}
	return said
}

func (c *Client) connectionError(err error) *ConnectionError {
	err = withoutURL(err)
	if said := c.hidden.Replace(err.Error()); said != err.Error() {
		err = &hiddenError{said, err}
	}
	return &ConnectionError{Address: c.Address(), Origins: c.config.Origins, Err: err}
}

// hiddenError is an error whose text held something that no message may.
type hiddenError struct {
	text string
	err  error
}

func (e *hiddenError) Error() string { return e.text }
func (e *hiddenError) Unwrap() error { return e.err }

// hide replaces tokens and header values in texts that come from elsewhere: a
// server can repeat what it was sent.
func hide(config Config) *strings.Replacer {
	secrets := strings.Fields(config.Token)
	for _, value := range config.Headers {
		secrets = append(append(secrets, value), strings.Fields(value)...)
	}
	if password, ok := config.Address.User.Password(); ok {
		secrets = append(secrets, password)
	}
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) }) // the whole before its parts
	var pairs []string
	for _, secret := range secrets {
		if len(secret) >= 4 { // less hides nothing, and spoils the text
			pairs = append(pairs, secret, "(hidden)")
		}
	}
	return strings.NewReplacer(pairs...)
}

// UnverifiedError is a write that succeeded and could not be read back.
type UnverifiedError struct {
	Err error
}

func (e *UnverifiedError) Error() string {
	return fmt.Sprintf("it was written, but could not be read back: %s", e.Err)
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
)

// answerError reads what an answer without success says.
func (c *Client) answerError(r request, status int, body []byte) *Error {
	e := &Error{
		Method: r.method, Path: r.path, Status: status,
		Address: c.Address(), Origins: c.config.Origins,
	}
	var answer struct {
		Title      string             `json:"title"`
		Detail     string             `json:"detail"`
		Details    string             `json:"details"`
		Parameters []InvalidParameter `json:"invalid_parameters"`
	}
	if json.Unmarshal(body, &answer) == nil && answer.Title != "" {
		e.Title = c.quote(answer.Title, longestText)
		e.Detail = c.quote(cmp.Or(answer.Detail, answer.Details), longestText)
		for _, p := range answer.Parameters[:min(len(answer.Parameters), mostRefusals)] {
			e.Parameters = append(e.Parameters, InvalidParameter{c.quote(p.Field, longestReason), c.quote(p.Reason, longestReason)})
		}
		return e
	}
	if r.body == nil {
		e.Body = c.quote(strings.Join(strings.Fields(string(body)), " "), longestBody)
	}
	return e
}

// quote makes a text that came from elsewhere fit for a message: short, without
// what a terminal would obey, and without what is not to be seen.
func (c *Client) quote(text string, longest int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) || r == '\n' || r == '\t' {
			return r
		}
		return -1
	}, text)
	text = c.hidden.Replace(text)
	if utf8.RuneCountInString(text) > longest {
		return string([]rune(text)[:longest]) + "…"
	}
	return text
}
