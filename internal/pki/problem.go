package pki

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Severity says whether CA material is unusable or only questionable.
type Severity int

const (
	// Error means that the control plane rejects the material, that proxies get
	// something different from what its owner expects, or that handshakes fail.
	Error Severity = iota
	// Warning means that it works, today and in most places.
	Warning
)

// String returns "error" or "warning".
func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// Problem is one problem of CA material.
type Problem struct {
	Severity Severity
	Rule     Rule
	// Index is the position of the element with the problem, from 0: of a PEM
	// block for ParseCertificates and ParsePrivateKey, otherwise of a
	// certificate. -1 means all of the material.
	Index int
	// Subject is the distinguished name of the certificate (RFC 2253), "empty
	// subject" for one without a name, or "" if the problem does not concern a
	// readable certificate.
	Subject string
	// Message says what is wrong, what that means, and what to do. Commands are
	// on indented lines of their own. It never contains any part of a private
	// key.
	Message string
}

// String returns the message after its subject: "certificate 0 (CN=Root CA):
// …", "PEM block 1: …", or only the message.
func (p Problem) String() string {
	switch {
	case p.Index < 0:
		return p.Message
	case p.Subject == "":
		return fmt.Sprintf("PEM block %d: %s", p.Index, p.Message)
	default:
		return fmt.Sprintf("certificate %d (%s): %s", p.Index, p.Subject, p.Message)
	}
}

// Problems are all problems of one piece of CA material, sorted by Index.
type Problems []Problem

// Errors returns the problems of severity Error.
func (ps Problems) Errors() Problems { return ps.of(Error) }

// Warnings returns the problems of severity Warning.
func (ps Problems) Warnings() Problems { return ps.of(Warning) }

// HasErrors reports whether one of them has severity Error.
func (ps Problems) HasErrors() bool { return len(ps.Errors()) > 0 }

// Has reports whether one of them is a violation of one of these rules with
// severity Error.
func (ps Problems) Has(rules ...Rule) bool {
	return slices.ContainsFunc(ps.Errors(), func(p Problem) bool { return slices.Contains(rules, p.Rule) })
}

// Accepting returns the problems without the warnings of these rules.
func (ps Problems) Accepting(rules ...Rule) Problems {
	return slices.DeleteFunc(slices.Clone(ps), func(p Problem) bool { return p.Severity == Warning && slices.Contains(rules, p.Rule) })
}

// Err returns the problems of severity Error as one error, or nil if there are
// none.
func (ps Problems) Err() error {
	var errs []error
	for _, p := range ps.Errors() {
		errs = append(errs, errors.New(p.String()))
	}
	return errors.Join(errs...)
}

func (ps Problems) of(s Severity) Problems {
	var found Problems
	for _, p := range ps {
		if p.Severity == s {
			found = append(found, p)
		}
	}
	return found
}

// maxOfARule is the maximum number of problems of one rule that are reported
// one by one.
const maxOfARule = 10

// finished returns the problems sorted by index, and otherwise in the order in
// which they were found. If there are too many of one rule and severity, it
// keeps the first ones, and counts the others.
func (ps Problems) finished() Problems {
	type kind struct {
		Severity
		Rule
	}
	counts := map[kind]int{}
	var kept Problems
	slices.SortStableFunc(ps, func(a, b Problem) int { return cmp.Compare(a.Index, b.Index) })
	for _, p := range ps {
		k := kind{p.Severity, p.Rule}
		if counts[k]++; counts[k] <= maxOfARule {
			kept = append(kept, p)
		}
	}
	for i := range kept {
		k := kind{kept[i].Severity, kept[i].Rule}
		if more := counts[k] - maxOfARule; more > 0 {
			noun := "problems of this kind were"
			if more == 1 {
				noun = "problem of this kind was"
			}
			kept.add(k.Severity, k.Rule, -1, "%d more %s found.", more, noun)
			counts[k] = 0
		}
	}
	return kept
}

// add appends a problem that does not concern a certificate, but a PEM block,
// or all of the material (index -1).
func (ps *Problems) add(s Severity, r Rule, index int, format string, args ...any) {
	*ps = append(*ps, Problem{Severity: s, Rule: r, Index: index, Message: fmt.Sprintf(format, args...)})
}

// addFor appends a problem of a certificate.
func (ps *Problems) addFor(s Severity, r Rule, index int, cert *x509.Certificate, format string, args ...any) {
	ps.add(s, r, index, format, args...)
	(*ps)[len(*ps)-1].Subject = subjectOf(cert)
}

// subjectOf returns the subject for a message. A certificate can contain any
// characters there, including control characters for a terminal.
func subjectOf(cert *x509.Certificate) string {
	name := printable(cert.Subject.String())
	if name == "" {
		return "empty subject"
	}
	return name
}

// issuerOf is subjectOf for the issuer.
func issuerOf(cert *x509.Certificate) string {
	name := printable(cert.Issuer.String())
	if name == "" {
		return "empty issuer"
	}
	return name
}

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}
