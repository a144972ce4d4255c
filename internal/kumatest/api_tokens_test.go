package kumatest_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

const dataplaneKey = "dataplane-token-signing-key-m"

// parseToken returns a token with its claims. It does not verify it.
func parseToken(t *testing.T, token []byte) (header map[string]any, claims jwt.MapClaims) {
	t.Helper()
	parsed, _, err := jwt.NewParser().ParseUnverified(string(token), &claims)
	if err != nil {
		t.Fatalf("%v in %s", err, token)
	}
	return parsed.Header, claims
}

// withoutKey returns a control plane with a mesh that has no signing key.
func withoutKey(t *testing.T, version string) *kumatest.ControlPlane {
	t.Helper()
	cp := kumatest.New(kumatest.Version(version))
	do(t, cp, http.MethodPut, "/meshes/m", newMesh("m", nil), http.StatusCreated)
	do(t, cp, http.MethodDelete, "/meshes/m/secrets/"+dataplaneKey+"-1", nil, http.StatusOK)
	return cp
}

func newSigningKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

// TestToken_keyForms issues with signing keys in several forms. A mesh whose signing key is left from an earlier mesh of
// its name, and that no token can be issued with, is made without the rest of what each mesh gets.
func TestToken_keyForms(t *testing.T) {
	key := newSigningKey(t)
	pkcs1 := x509.MarshalPKCS1PrivateKey(key)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		data  []byte
		valid bool
	}{
		"PKCS #1":              {pemOf("RSA PRIVATE KEY", pkcs1), true},
		"PKCS #1 after text":   {append([]byte("text\n"), pemOf("RSA PRIVATE KEY", pkcs1)...), true},
		"PKCS #1 twice":        {bytes.Repeat(pemOf("RSA PRIVATE KEY", pkcs1), 2), true},
		"PKCS #1 without PEM":  {pkcs1, true},
		"PKCS #1 as PKCS #8":   {pemOf("PRIVATE KEY", pkcs1), false},
		"PKCS #8":              {pemOf("PRIVATE KEY", pkcs8), false},
		"PKCS #8 as PKCS #1":   {pemOf("RSA PRIVATE KEY", pkcs8), false},
		"PKCS #8 without PEM":  {pkcs8, false},
		"public key":           {pemOf("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&key.PublicKey)), false},
		"something else":       {[]byte("x"), false},
		"nothing":              {nil, false},
		"half of a PEM header": {[]byte("-----BEGIN RSA"), false},
	} {
		for _, version := range kumatest.Versions() {
			t.Run(name+" "+version, func(t *testing.T) {
				cp := withoutKey(t, version)
				putSecret(t, cp, "m", dataplaneKey+"-5", test.data)
				issued, created := http.StatusInternalServerError, http.StatusInternalServerError
				if test.valid {
					issued, created = http.StatusOK, http.StatusCreated
				}
				do(t, cp, http.MethodPost, "/tokens/dataplane", object{"mesh": "m"}, issued)
				do(t, cp, http.MethodDelete, "/meshes/m", nil, http.StatusOK)
				do(t, cp, http.MethodPut, "/meshes/m", object{"type": "Mesh", "name": "m"}, created)
				do(t, cp, http.MethodGet, "/meshes/m", nil, http.StatusOK)
				policies := names(t, do(t, cp, http.MethodGet, "/meshes/m/meshtimeouts", nil, http.StatusOK))
				if got := len(policies) > 0; got != test.valid {
					t.Errorf("policies %v", policies)
				}
			})
		}
	}
}

// TestToken_keyNames issues with signing keys of several names: the one with the highest number is used, and a name that
// does not end with a number has the number 0.
func TestToken_keyNames(t *testing.T) {
	data := pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(newSigningKey(t)))
	for _, version := range kumatest.Versions() {
		for _, test := range []struct {
			names []string
			kid   string // of the token, "" if there is none
		}{
			{nil, ""},
			{[]string{"-1"}, "1"},
			{[]string{"-2", "-10", "-1"}, "10"},
			{[]string{"-01"}, "1"},
			{[]string{"-0"}, "0"},
			{[]string{"--1"}, ""},
			{[]string{""}, "0"},
			{[]string{"x"}, "0"},
			{[]string{"-1.pub"}, "0"},
			{[]string{"-x", "-3"}, "3"},
			{[]string{"-99999999999999999999"}, "0"},
		} {
			cp := withoutKey(t, version)
			for _, name := range test.names {
				putSecret(t, cp, "m", dataplaneKey+name, data)
			}
			status, token := cp.Do(http.MethodPost, "/tokens/dataplane", object{"mesh": "m"})
			if test.kid == "" {
				if status != http.StatusNotFound {
					t.Errorf("%s %q: status %d: %s", version, test.names, status, token)
				}
				continue
			}
			if header, _ := parseToken(t, token); header["kid"] != test.kid {
				t.Errorf("%s %q: key %v, want %s", version, test.names, header["kid"], test.kid)
			}
		}
	}
}

// TestToken_claims compares what is in a token with what the request says.
func TestToken_claims(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for i, want := range []struct{ issued, from time.Duration }{{0, -5 * time.Minute}, {-5 * time.Second, -5 * time.Second}, {-5 * time.Second, -5 * time.Second}} {
		version := kumatest.Versions()[i]
		cp := kumatest.New(kumatest.Version(version), kumatest.Clock(func() time.Time { return now }))
		_, claims := parseToken(t, do(t, cp, http.MethodPost, "/tokens/dataplane", object{
			"mesh": "default", "validFor": "1h", "tags": object{"a": []string{"c", "b", "b"}, "none": []string{}},
		}, http.StatusOK))
		for name, after := range map[string]time.Duration{"iat": want.issued, "nbf": want.from, "exp": time.Hour} {
			if got, _ := claims[name].(float64); int64(got) != now.Add(after).Unix() {
				t.Errorf("%s: %s is %s, want %s", version, name, strconv.FormatFloat(got, 'f', -1, 64), strconv.FormatInt(now.Add(after).Unix(), 10))
			}
		}
		tags, _ := claims["Tags"].(map[string]any)
		if values, _ := tags["a"].([]any); len(tags) != 1 || len(values) != 2 || values[0] != "b" {
			t.Errorf("%s: tags %v", version, tags)
		}
		_, claims = parseToken(t, do(t, cp, http.MethodPost, "/tokens/dataplane", object{"mesh": "default"}, http.StatusOK))
		if tags, isObject := claims["Tags"].(map[string]any); !isObject || len(tags) > 0 {
			t.Errorf("%s: no tags are %v", version, claims["Tags"])
		}
	}
}
