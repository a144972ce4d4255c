//go:build unix

package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/cmd/authority"
)

func TestKeySearch(t *testing.T) {
	t.Parallel()

	folder := t.TempDir()
	if err := authority.Write(folder, "Example"); err != nil {
		t.Fatal(err)
	}
	chain, err := os.ReadFile(filepath.Join(folder, "ca-chain.pem"))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := privateKeys(folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(keys) != 1 || keys[0].file != "ca-key.pem" {
		t.Fatalf("keys found: %v, want that of ca-key.pem", keys)
	}
	keyPEM := keys[0].content
	block, _ := pem.Decode(keyPEM)

	inJSON, err := json.Marshal(string(keyPEM))
	if err != nil {
		t.Fatal(err)
	}
	line := bytes.Split(keyPEM, []byte("\n"))[2]
	tests := map[string]struct {
		content []byte
		want    string
	}{
		"key as PEM":        {keyPEM, "PEM"},
		"key in JSON":       {inJSON, "PEM"},
		"one line of it":    {line, "PEM"},
		"base64 of the PEM": {[]byte(base64.StdEncoding.EncodeToString(keyPEM)), "base64 of the PEM"},
		"DER":               {block.Bytes, "DER"},
		"base64 of the DER": {[]byte(base64.StdEncoding.EncodeToString(block.Bytes)), "base64 of the DER"},
		"certificates":      {chain, ""},
		"empty":             {nil, ""},
	}
	for name, test := range tests {
		found := keys[0].formsIn(test.content)
		if test.want == "" && len(found) > 0 || test.want != "" && !slices.Contains(found, test.want) {
			t.Errorf("%s: found %q, want %q", name, found, test.want)
		}
	}

	if _, err := privateKeys(t.TempDir()); err == nil {
		t.Error("a folder without a key gives no error")
	}
}

func TestIndenter(t *testing.T) {
	t.Parallel()

	var got bytes.Buffer
	indented := &indenter{out: &got}
	for _, piece := range []string{"first\n\nsec", "ond", "\n", "third\nno end"} {
		if _, err := indented.Write([]byte(piece)); err != nil {
			t.Fatal(err)
		}
	}
	if want := "   first\n\n   second\n   third\n   no end"; got.String() != want {
		t.Errorf("got %q, want %q", got.String(), want)
	}
}
