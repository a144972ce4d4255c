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

// Severity says whether CA material is unusable or merely doubtful.
type Severity int

const (
	// Error means that the control plane refuses the material, or that proxies
	// get something else than its owner believes, or handshakes fail.
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

// Problem is one thing that is wrong with CA material.
type Problem struct {
	Severity Severity
	Rule     Rule
	// Index is the position, from 0, of what the problem concerns: a PEM block
	// in problems of ParseCertificates and ParsePrivateKey, a certificate in
	// all others. -1 means the whole.
	Index int
	// Subject is the distinguished name of the certificate concerned (RFC
	// 2253), "empty subject" for one without a name, "" where the problem does
	// not concern a certificate that could be read.
	Subject string
	// Message says in plain words what is wrong, what that means and what to
	// do. Commands stand on lines of their own, indented. It never holds any
	// part of a private key.
	Message string
}

// String returns the message, preceded by what it concerns:
// "certificate 0 (CN=Root CA): …", "PEM block 1: …", or the message alone.
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

// Errors returns those of severity Error.
func (ps Problems) Errors() Problems { return ps.of(Error) }

// Warnings returns those of severity Warning.
func (ps Problems) Warnings() Problems { return ps.of(Warning) }

// HasErrors tells whether one of them is of severity Error.
func (ps Problems) HasErrors() bool { return len(ps.Errors()) > 0 }

// Has tells whether one of them breaks one of the rules with severity Error.
func (ps Problems) Has(rules ...Rule) bool {
	return slices.ContainsFunc(ps.Errors(), func(p Problem) bool { return slices.Contains(rules, p.Rule) })
}

// Accepting returns the problems without the warnings of these rules.
func (ps Problems) Accepting(rules ...Rule) Problems {
	return slices.DeleteFunc(slices.Clone(ps), func(p Problem) bool { return p.Severity == Warning && slices.Contains(rules, p.Rule) })
}

// Err returns the problems of severity Error as one error, nil if there are
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

// maxOfARule is how many problems of one rule a string may have that are reported
// one by one.
const maxOfARule = 10

// finished returns the problems by index, those of one index as they were found.
// Of many of one rule and severity it keeps the first, and counts the others.
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

// add appends a problem that concerns no certificate: a PEM block, or the
// whole (index -1).
func (ps *Problems) add(s Severity, r Rule, index int, format string, args ...any) {
	*ps = append(*ps, Problem{Severity: s, Rule: r, Index: index, Message: fmt.Sprintf(format, args...)})
}

// addFor appends a problem of a certificate.
func (ps *Problems) addFor(s Severity, r Rule, index int, cert *x509.Certificate, format string, args ...any) {
	ps.add(s, r, index, format, args...)
	(*ps)[len(*ps)-1].Subject = subjectOf(cert)
}

// subjectOf returns the subject as people are shown it. A certificate can hold
// any characters in it, those that steer a terminal included.
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
