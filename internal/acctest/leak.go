package acctest

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"io"
	"os"
	"strings"
	"testing"
)

// Leaks finds a private key in a text, in each form in which it could be
// there: PEM, base64 of the DER with and without line breaks, base64 of the
// PEM, any 40 characters of a line. What of it is in the certificates as well,
// the public key, is not secret. It returns the forms found.
func Leaks(t *testing.T, keyPEM, certificates, text string) []string {
	t.Helper()
	block, _ := pem.Decode([]byte(keyPEM))
	if block == nil {
		t.Fatal("not a key in PEM")
	}
	forms := map[string]string{
		"PEM":                      strings.TrimSpace(keyPEM),
		"PEM in JSON":              strings.ReplaceAll(strings.TrimSpace(keyPEM), "\n", `\n`),
		"base64 of DER":            base64.StdEncoding.EncodeToString(block.Bytes),
		"base64 of PEM":            base64.StdEncoding.EncodeToString([]byte(keyPEM)),
		"base64 of PEM, trimmed":   base64.StdEncoding.EncodeToString([]byte(strings.TrimSpace(keyPEM)))[:80],
		"URL-safe base64 of DER":   base64.URLEncoding.EncodeToString(block.Bytes),
		"URL-safe base64 of a PEM": base64.URLEncoding.EncodeToString([]byte(keyPEM)),
	}
	var found []string
	for name, form := range forms {
		if strings.Contains(text, form) {
			found = append(found, name)
		}
	}
	for line := range strings.SplitSeq(strings.TrimSpace(keyPEM), "\n") {
		for start := 0; !strings.HasPrefix(line, "-----") && start+40 <= len(line); start++ {
			if part := line[start : start+40]; strings.Contains(text, part) && !strings.Contains(certificates, part) {
				return append(found, "40 characters of a line")
			}
		}
	}
	return found
}

// Unpacked is the text of a file of the folder, and of all that it holds when it
// is an archive, as a saved plan is. Of a file that is not there it is "".
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
