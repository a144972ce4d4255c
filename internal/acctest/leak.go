package acctest

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
)

// KeyForms returns the forms in which a private key, or a part of it, may get
// into a string, by description.
func KeyForms(t *testing.T, keyPEM string) map[string]string {
	t.Helper()
	block, _ := pem.Decode([]byte(keyPEM))
	if block == nil {
		t.Fatal("not a key in PEM")
	}
	key := strings.TrimSpace(keyPEM)
	lines := strings.Split(key, "\n")
	digits := hex.EncodeToString(block.Bytes)
	std, url := base64.StdEncoding.EncodeToString, base64.URLEncoding.EncodeToString
	return map[string]string{
		"PEM":                    key,
		"PEM in JSON":            strings.ReplaceAll(key, "\n", `\n`),
		"PEM with four dashes":   strings.ReplaceAll(key, "-----", "----"),
		"PEM without BEGIN":      strings.Join(lines[1:], "\n"),
		"body":                   strings.Join(lines[1:len(lines)-1], "\n"),
		"first line of the body": lines[1],
		"last whole line":        lines[1+(len(block.Bytes)/48-1)],
		"base64 of DER":          std(block.Bytes),
		"URL-safe base64":        url(block.Bytes),
		"unpadded base64":        base64.RawURLEncoding.EncodeToString(block.Bytes),
		"base64 of PEM":          std([]byte(keyPEM)),
		"URL-safe base64 of PEM": url([]byte(keyPEM)),
		"base64 twice":           std([]byte(std(block.Bytes))),
		"base64 of base64":       std([]byte(std([]byte(keyPEM)))),
		"hex":                    digits,
		"upper-case hex":         strings.ToUpper(digits),
		"hex with colons":        regexp.MustCompile("..").ReplaceAllString(digits[:len(digits)-2], "$0:") + digits[len(digits)-2:],
	}
}

// Leaks searches a string for a private key, in each of its [KeyForms] or as any
// 40 characters of one. It ignores the parts that are in the certificates as
// well, because the public key is not secret. It returns the forms that it
// found.
func Leaks(t *testing.T, keyPEM, certificates, text string) []string {
	t.Helper()
	var found []string
	certificates += strings.ReplaceAll(certificates, "\n", `\n`) // in JSON, the public key can span the end of a line
	for name, form := range KeyForms(t, keyPEM) {
		if Shows(form, certificates, text) {
			found = append(found, name)
		}
	}
	return found
}

// Shows reports whether a string contains 40 characters of a line of a key in
// some form that are not in the certificates. It then contains 32 that begin at
// a multiple of 8.
func Shows(form, certificates, text string) bool {
	for line := range strings.SplitSeq(form, "\n") {
		for start := 0; start+32 <= len(line); start += 8 {
			part := line[start : start+32]
			if strings.Contains(text, part) && !strings.Contains(certificates, part) && !strings.Contains(part, "---") {
				return true
			}
		}
	}
	return false
}

// Unpacked returns the text of a file in the folder, with the content of an
// archive such as a saved plan, or "" if the file does not exist.
func (r *Run) Unpacked(name string) string {
	r.t.Helper()
	if _, err := os.Stat(r.Path(name)); os.IsNotExist(err) {
		return ""
	}
	content := r.Read(name)
	var text strings.Builder
	text.Write(content)
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return text.String()
	}
	for _, file := range archive.File {
		reader, err := file.Open()
		if err != nil {
			r.t.Fatal(err)
		}
		if _, err := io.Copy(&text, io.LimitReader(reader, 64<<20)); err != nil {
			r.t.Fatal(err)
		}
	}
	return text.String()
}
