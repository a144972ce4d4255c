//go:build unix

package main

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A place is a file of Terraform, or a part of one.
type place struct {
	name    string
	content []byte
}

// A privateKey is a key that no place may contain.
type privateKey struct {
	file    string
	content []byte
	forms   []form
}

// A form is an encoding of a key, as pieces that each reveal the key.
type form struct {
	name   string
	pieces [][]byte
}

// formsIn returns the names of the forms that the content has a piece of.
func (k privateKey) formsIn(content []byte) []string {
	var found []string
	for _, f := range k.forms {
		if slices.ContainsFunc(f.pieces, func(piece []byte) bool { return bytes.Contains(content, piece) }) {
			found = append(found, f.name)
		}
	}
	return found
}

// privateKeys returns the keys in the PEM files of the folder.
func privateKeys(folder string) ([]privateKey, error) {
	secret := make(map[string]*pem.Block)
	contents := make(map[string][]byte)
	var public []byte

	root := os.DirFS(folder)
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		contents[name] = content
		if block, _ := pem.Decode(content); block != nil && strings.HasSuffix(block.Type, "PRIVATE KEY") {
			secret[name] = block
		} else {
			public = append(public, content...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(secret) == 0 {
		return nil, fmt.Errorf("no private key in %s", folder)
	}

	var keys []privateKey
	for _, name := range slices.Sorted(maps.Keys(secret)) {
		keys = append(keys, newPrivateKey(name, contents[name], secret[name].Bytes, public))
	}
	return keys, nil
}

// newPrivateKey omits the pieces that are in public. A private key contains its public key, which is in the certificate
// too.
func newPrivateKey(file string, content, der, public []byte) privateKey {
	key := privateKey{file, content, []form{
		{"PEM", lines(content)},
		{"base64 of the PEM", chunks(base64.StdEncoding.EncodeToString(content))},
		{"DER", [][]byte{der}},
		{"base64 of the DER", chunks(base64.StdEncoding.EncodeToString(der))},
	}}
	for i := range key.forms {
		key.forms[i].pieces = slices.DeleteFunc(key.forms[i].pieces, func(piece []byte) bool {
			return bytes.Contains(public, piece)
		})
	}
	return key
}

// piece is the number of base64 characters that identify a key.
const piece = 40

// lines returns the lines between BEGIN and END, except a short last line.
func lines(content []byte) [][]byte {
	var pieces [][]byte
	for line := range bytes.Lines(content) {
		line = bytes.TrimSpace(line)
		if len(line) >= piece && !bytes.HasPrefix(line, []byte("-----")) {
			pieces = append(pieces, line)
		}
	}
	return pieces
}

// chunks splits a string into pieces. The last one can be longer than the others.
func chunks(text string) [][]byte {
	var pieces [][]byte
	for len(text) >= 2*piece {
		pieces = append(pieces, []byte(text[:piece]))
		text = text[piece:]
	}
	return append(pieces, []byte(text))
}

// unpackPlan returns the files in a saved plan, which is a ZIP archive.
func unpackPlan(plan string) (places []place, err error) {
	archive, err := zip.OpenReader(plan)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, archive.Close()) }()

	for _, entry := range archive.File {
		content, err := fs.ReadFile(archive, entry.Name)
		if err != nil {
			return nil, err
		}
		places = append(places, place{filepath.Base(plan) + ": " + entry.Name, content})
	}
	return places, nil
}
