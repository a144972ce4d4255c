package pki

import (
	"slices"
	"strconv"
	"strings"
)

// HoldsPEM tells whether a block of PEM begins in a text, as it is or in
// base64. It may be a private key, and then no message may show it.
func HoldsPEM(text string) bool {
	begins := []string{"-----BEGIN", "LS0tLS1CRUdJTi", "0tLS0tQkVHSU4", "tLS0tLUJFR0lO"} // in base64 by what is before it
	return slices.ContainsFunc(begins, func(begin string) bool { return strings.Contains(text, begin) })
}

// Quote is a text in quotation marks, for a message. Of PEM it only says that.
func Quote(text string) string {
	if HoldsPEM(text) {
		return "(PEM, which is not shown)"
	}
	return strconv.Quote(text)
}
