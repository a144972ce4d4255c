package pki

import (
	"bytes"
	"encoding/base64"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MayHoldKey reports whether a string may contain a private key or a part of one,
// in a place where it does not belong: PEM, also damaged, its body, a line of
// it, DER in base64 or hex, or any of these in base64 again. No message may
// show it. Certificates and other random bytes look the same. Names, URLs,
// fingerprints in hex and base64 of text do not.
func MayHoldKey(text string) bool { return mayHoldKey(text, maxLayers) }

// privateKeyPattern matches the first line of a private key in PEM (RFC 7468, 10
// and 11, and the older labels).
var privateKeyPattern = regexp.MustCompile(`-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----`)

// HasPrivateKey reports whether a string contains a private key in PEM, or is one
// in base64. Unlike [MayHoldKey], it is false for certificates.
func HasPrivateKey(text string) bool {
	if privateKeyPattern.MatchString(text) {
		return true
	}
	decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	return err == nil && privateKeyPattern.Match(decoded)
}

// Quote returns a string in quotation marks for a message. For a possible private
// key, it only says that.
func Quote(text string) string {
	if MayHoldKey(text) {
		return "(not shown, because it may be a private key)"
	}
	return strconv.Quote(text)
}

var (
	beginPattern = regexp.MustCompile(`-{2,}[ \t]*(BEGIN|END)\b`)
	// A line of PEM has 64 characters; 40 of them are 30 bytes.
	base64Run = regexp.MustCompile(`[A-Za-z0-9+/_-]{40,}`)
	// A SHA-256 in hex has 64 digits. Colons and line breaks, also as \n, may
	// separate them.
	hexRun = regexp.MustCompile(`[0-9A-Fa-f]{2}(?::?(?:(?:[\r\n]|\\[rn])[ \t]*)*[0-9A-Fa-f]{2}){32,}`)
	noHex  = regexp.MustCompile(`\\[rn]|[^0-9A-Fa-f]`)
)

func mayHoldKey(text string, layers int) bool {
	if beginPattern.MatchString(text) {
		return true
	}
	if slices.ContainsFunc(hexRun.FindAllString(text, -1), isHexKey) {
		return true
	}
	for _, run := range base64Run.FindAllString(text, -1) {
		if isBase64Key(run, layers) {
			return true
		}
	}
	return false
}

// isHexKey reports whether more than 64 hex digits may be a key: all except
// digests of SHA-384 and SHA-512, unless these begin like DER.
func isHexKey(run string) bool {
	digits := noHex.ReplaceAllString(run, "")
	if before, after, found := strings.Cut(run, ":"); found && strings.Count(run, ":") < 32 {
		return isHexKey(before) || isHexKey(after) // the colon of "sha256:"
	}
	distinct := len(slices.Compact(slices.Sorted(slices.Values([]byte(digits)))))
	return len(digits) > 64 && distinct > 8 && (strings.HasPrefix(run, "30") || len(digits) != 96 && len(digits) != 128)
}

// isBase64Key reports whether base64 characters decode to the beginning of a
// key, to text that may contain one, or to random bytes.
func isBase64Key(run string, layers int) bool {
	standard := strings.NewReplacer("-", "+", "_", "/").Replace(run)
	for i := range len(standard) - 12 { // the text before a key may also look like base64
		if standard[i] != 'M' { // what 0x30 begins with
			continue
		}
		if header, _ := base64.StdEncoding.DecodeString(standard[i : i+12]); isKeyHeader(header) {
			return true
		}
	}
	for offset := range 4 { // it may begin at another offset than the run
		part := standard[offset:]
		decoded, err := base64.StdEncoding.DecodeString(part[:len(part)/4*4])
		if err == nil && isText(decoded) {
			return layers > 0 && mayHoldKey(string(decoded), layers-1)
		}
	}
	return isMixed(run)
}

// isKeyHeader reports whether bytes begin like the DER of a private key in each
// of its encodings: a SEQUENCE that contains a version, 0 or 1.
func isKeyHeader(der []byte) bool {
	if len(der) < 7 || der[0] != 0x30 {
		return false
	}
	content := 2 // after tag and length
	if der[1] == 0x81 || der[1] == 0x82 {
		content += int(der[1] - 0x80)
	}
	return der[content] == 2 && der[content+1] == 1 && der[content+2] <= 1
}

// isMixed reports whether a string mixes upper-case letters, lower-case letters
// and digits like base64. In names and paths, words are shorter, and most
// letters have one case and are adjacent.
func isMixed(run string) bool {
	words := strings.FieldsFunc(run, func(r rune) bool { return strings.ContainsRune("/-_", r) })
	if !slices.ContainsFunc(words, func(word string) bool { return len(word) > 16 && countClasses(word).disordered() }) {
		return false
	}
	all := countClasses(run)
	letters := all.upper + all.lower
	return all.digits*24 > len(run) && all.upper*6 > letters && all.lower*6 > letters && all.disordered()
}

// classes counts the characters of a string by kind, and how often the kind
// changes from one to the next.
type classes struct{ upper, lower, digits, changes, length int }

func countClasses(text string) classes {
	c := classes{length: len(text)}
	var before rune
	for _, r := range text {
		class := r // a sign is a class of its own
		switch {
		case unicode.IsUpper(r):
			c.upper, class = c.upper+1, 'A'
		case unicode.IsLower(r):
			c.lower, class = c.lower+1, 'a'
		case unicode.IsDigit(r), r == '+':
			c.digits, class = c.digits+1, '0'
		}
		if class != before {
			c.changes++
		}
		before = class
	}
	return c
}

// disordered reports whether the kind changes more often than in names.
func (c classes) disordered() bool { return c.changes*20 > c.length*7 }

func isText(decoded []byte) bool {
	return utf8.Valid(decoded) && !bytes.ContainsFunc(decoded, func(r rune) bool { return !unicode.IsPrint(r) && !unicode.IsSpace(r) })
}
