package secret

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

func TestValue_wanted(t *testing.T) {
	t.Parallel()
	text, unknown := types.StringValue, types.StringUnknown()
	for name, test := range map[string]struct {
		value value
		data  string
		known bool
		at    string // of the error
	}{
		"text":                        {value{Value: text("ä\n")}, "ä\n", true, ""},
		"write-only text":             {value{ValueWO: text("x")}, "x", true, ""},
		"nothing in it":               {value{Value: text("")}, "", true, ""},
		"base64":                      {value{ValueBase64: text("AP/+")}, "\x00\xff\xfe", true, ""},
		"write-only base64":           {value{ValueBase64WO: text("AP_-")}, "\x00\xff\xfe", true, ""},
		"unknown":                     {value{ValueWO: unknown}, "", false, ""},
		"unknown, and one that isn't": {value{ValueWO: unknown, Value: text("x")}, "x", false, ""},
		"none":                        {value{}, "", false, "value"},
		"two":                         {value{Value: text("x"), ValueBase64WO: text("eA==")}, "", false, "value_base64_wo"},
		"no base64":                   {value{ValueBase64WO: text("!secret-")}, "", false, "value_base64_wo"},
		"too long":                    {value{ValueWO: text(strings.Repeat("x", kuma.MaxSecretData+1))}, "", false, "value_wo"},
	} {
		var diags diag.Diagnostics
		data, known := test.value.wanted(&diags)
		if string(data) != test.data || known != test.known {
			t.Errorf("%s: %q, known %v", name, data, known)
		}
		var found string
		for _, d := range diags {
			if at, ok := d.(diag.DiagnosticWithPath); ok {
				found += at.Path().String()
			}
			if strings.Contains(d.Detail(), "secret-") {
				t.Errorf("%s: the error tells the value: %s", name, d.Detail())
			}
		}
		if found != test.at {
			t.Errorf("%s: errors at %q, not %q", name, found, test.at)
		}
	}
}

func TestValue_planned(t *testing.T) {
	t.Parallel()
	one, two, none := types.Int64Value(1), types.Int64Value(2), types.Int64Null()
	yes, no, unknown := types.BoolValue(true), types.BoolValue(false), types.BoolUnknown()
	for name, test := range map[string]struct {
		version, before types.Int64
		applied         bool
		inSync, want    types.Bool
		asked           bool // whether it was applied, which may be slow to tell
	}{
		"as it is":                       {none, none, true, yes, yes, true},
		"another value":                  {none, none, false, yes, unknown, true},
		"drift":                          {none, none, true, no, yes, false},
		"drift and another value":        {none, none, false, no, yes, false},
		"another value, same version":    {one, one, false, yes, yes, false},
		"another version, same value":    {two, one, true, yes, unknown, false},
		"drift, same version":            {one, one, false, no, yes, false},
		"a version at last, same value":  {one, none, true, yes, yes, true},
		"a version at last, other value": {one, none, false, yes, unknown, true},
		"no version any more":            {none, one, true, yes, yes, true},
		"version not known":              {types.Int64Unknown(), one, true, yes, unknown, false},
		"created":                        {one, none, false, types.BoolNull(), yes, false},
	} {
		for form, at := range map[string]func(*value) *types.Int64{
			"value_wo":        func(v *value) *types.Int64 { return &v.ValueWOVersion },
			"value_base64_wo": func(v *value) *types.Int64 { return &v.ValueBase64WOVersion },
		} {
			config, state := value{}, value{InSync: test.inSync}
			*at(&config), *at(&state) = test.version, test.before
			asked := false
			got := config.planned(state, func() bool { asked = true; return test.applied })
			if !got.Equal(test.want) || asked != test.asked {
				t.Errorf("%s: %s: in_sync is planned as %s, not %s; asked %v", form, name, got, test.want, asked)
			}
		}
	}
}

// A value in the state is compared as it is: here there is no hash that could
// tell. Where the state does not have what was applied, the hash tells.
func TestValue_applied(t *testing.T) {
	t.Parallel()
	text, yes, no := types.StringValue, types.BoolValue(true), types.BoolValue(false)
	hashes := &Hasher{Random: rand.Reader}
	made, err := hashes.salted([]byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		state   value
		hash    saltedHash
		applied bool // x; y never is
	}{
		"text":                     {value{Value: text("x"), InSync: yes}, saltedHash{}, true},
		"base64":                   {value{ValueBase64: text("eA"), InSync: yes}, saltedHash{}, true},
		"other text":               {value{Value: text("z"), InSync: yes}, made, false},
		"other base64":             {value{ValueBase64: text("eg=="), InSync: yes}, made, false},
		"nothing in it":            {value{Value: text(""), InSync: yes}, made, false},
		"drift":                    {value{Value: text("y"), InSync: no}, made, true},
		"drift in base64":          {value{ValueBase64: text("eQ=="), InSync: no}, made, true},
		"write-only":               {value{InSync: yes}, made, true},
		"write-only, without hash": {value{InSync: yes}, saltedHash{}, false},
		"an import":                {value{}, made, true},
	} {
		if got := test.state.applied([]byte("x"), test.hash, hashes); got != test.applied {
			t.Errorf("%s: x was applied: %v", name, got)
		}
		if test.state.applied([]byte("y"), test.hash, hashes) {
			t.Errorf("%s: y was applied", name)
		}
	}
}

func TestValue_record(t *testing.T) {
	t.Parallel()
	text, null := types.StringValue, types.StringNull()
	for name, test := range map[string]struct {
		prior       value
		data        string
		text, coded types.String
	}{
		"write-only, or an import":   {value{}, "x", null, null},
		"text":                       {value{Value: text("a")}, "b", text("b"), null},
		"text that became nothing":   {value{Value: text("a")}, "", text(""), null},
		"text that became no text":   {value{Value: text("a")}, "\xff", null, text("/w==")},
		"base64":                     {value{ValueBase64: text("AA==")}, "\xff", null, text("/w==")},
		"base64 in another spelling": {value{ValueBase64: text("_w")}, "\xff", null, text("_w")},
	} {
		got := test.prior
		got.record([]byte(test.data))
		if !got.Value.Equal(test.text) || !got.ValueBase64.Equal(test.coded) {
			t.Errorf("%s: %s and %s", name, got.Value, got.ValueBase64)
		}
	}
}

func TestDecodeBase64(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"+//+", "-__-", "+/\r\n/+\n"} {
		if data, err := decodeBase64(text); err != nil || !bytes.Equal(data, []byte{0xfb, 0xff, 0xfe}) {
			t.Errorf("%q is %x, %v", text, data, err)
		}
	}
	for _, text := range []string{"eA", "eA==", "e\nA=="} {
		if data, err := decodeBase64(text); err != nil || string(data) != "x" {
			t.Errorf("%q is %x, %v", text, data, err)
		}
	}
	for _, text := range []string{"e", "eA=", "eA===", "+_", "x y", "ä", "-----BEGIN X-----"} {
		if data, err := decodeBase64(text); err == nil {
			t.Errorf("%q is %x", text, data)
		}
	}
}

func TestSaltedHash(t *testing.T) {
	t.Parallel()
	hashes := &Hasher{Random: rand.Reader}
	made, err := hashes.salted([]byte("one"))
	if err != nil {
		t.Fatal(err)
	}
	again, _ := hashes.salted([]byte("one"))
	switch {
	case !hashes.matches(made, []byte("one")) || !hashes.matches(again, []byte("one")):
		t.Error("it does not match what it was made of")
	case hashes.matches(made, []byte("two")) || hashes.matches(made, nil):
		t.Error("it matches something else")
	case bytes.Equal(made.Salt, again.Salt) || bytes.Equal(made.Hash, again.Hash):
		t.Error("two are the same")
	case hashes.matches(saltedHash{}, nil):
		t.Error("none matches")
	}
	if _, err := (&Hasher{Random: bytes.NewReader(nil)}).salted(nil); err == nil {
		t.Error("it is made without random numbers")
	}
}

func TestLocation_owned(t *testing.T) {
	t.Parallel()
	for _, p := range []location{
		{mesh: "m", name: "m.ca-builtin-cert-ca-1"},
		{mesh: "m", name: "m.ca-builtin-key-ca-1"},
		{mesh: "m", name: "dataplane-token-signing-key-m"},
		{mesh: "m", name: "dataplane-token-signing-key-m-1"},
		{mesh: "m", name: "ca-1-rollout-0123456789-key"},
		{global: true, name: "admin-user-token"},
		{global: true, name: "inter-cp-ca"},
		{global: true, name: "envoy-admin-ca"},
		{global: true, name: "user-token-signing-key"},
		{global: true, name: "user-token-signing-key-1"},
		{global: true, name: "zone-token-signing-key-1"},
		{global: true, name: "zone-token-signing-public-key-3"},
	} {
		if what, advice := p.owned(); what == "" || advice == "" {
			t.Errorf("the %s is taken for the user's", p)
		}
	}
	for _, p := range []location{
		{mesh: "m", name: "x.ca-builtin-cert-ca-1"},
		{mesh: "m", name: "dataplane-token-signing-key-m-2"},
		{mesh: "m", name: "dataplane-token-signing-key-m-10"},
		{mesh: "m", name: "dataplane-token-signing-key-x-1"},
		{mesh: "m", name: "dataplane-token-revocations-m"},
		{mesh: "m", name: "admin-user-token"},
		{global: true, name: "user-token-signing-key-0002"},
		{global: true, name: "zone-token-signing-key-2"},
		{global: true, name: "user-token-revocations"},
		{global: true, name: "zone-token-revocations"},
		{global: true, name: "m.ca-builtin-cert-ca-1"},
	} {
		if what, _ := p.owned(); what != "" {
			t.Errorf("the %s is %s", p, what)
		}
	}
}

// A hash is slow to make, so the same one is made once; another salt, or
// other data, is another one.
func TestSaltedHash_once(t *testing.T) {
	t.Parallel()
	hashes := &Hasher{Random: rand.Reader}
	made, errMade := hashes.salted([]byte("x"))
	other, errOther := hashes.salted([]byte("x"))
	if err := errors.Join(errMade, errOther); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(made.Hash, other.Hash) || !hashes.matches(made, []byte("x")) || !hashes.matches(other, []byte("x")) || hashes.matches(made, []byte("y")) {
		t.Errorf("two hashes of x: %x and %x", made.Hash, other.Hash)
	}
	hashes.made.Store(sha256.Sum256(append(bytes.Clone(made.Salt), 'x')), []byte("remembered"))
	if hashes.matches(made, []byte("x")) || !hashes.matches(other, []byte("x")) {
		t.Error("the hash is made again")
	}
}
