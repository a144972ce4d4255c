package pki

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// A mutation damages a text or its DER.
type mutation struct {
	name   string
	mutate func(r *rand.Rand, good []byte) []byte
}

var derMutations = []mutation{
	{"flip a bit", func(r *rand.Rand, b []byte) []byte { b[r.IntN(len(b))] ^= 1 << r.IntN(8); return b }},
	{"another byte", func(r *rand.Rand, b []byte) []byte { b[r.IntN(len(b))] += byte(1 + r.IntN(255)); return b }},
	{"cut off", func(r *rand.Rand, b []byte) []byte { return b[:r.IntN(len(b))] }},
	{"byte removed", func(r *rand.Rand, b []byte) []byte { i := r.IntN(len(b)); return slices.Delete(b, i, i+1) }},
	{"byte inserted", func(r *rand.Rand, b []byte) []byte { return slices.Insert(b, r.IntN(len(b)), byte(r.Uint32())) }},
	{"bytes behind", func(r *rand.Rand, b []byte) []byte { return append(b, byte(r.Uint32()), 0) }},
	{"part doubled", func(r *rand.Rand, b []byte) []byte {
		i := r.IntN(len(b) - 8)
		return slices.Insert(b, i, b[i:i+8]...)
	}},
	{"length of a header", func(r *rand.Rand, b []byte) []byte { b[2+r.IntN(2)] ^= byte(1 + r.IntN(255)); return b }},
}

var pemMutations = []mutation{
	{"cut off", func(r *rand.Rand, b []byte) []byte { return b[:r.IntN(len(b))] }},
	{"beginning missing", func(r *rand.Rand, b []byte) []byte { return b[1+r.IntN(len(b)-1):] }},
	{"character removed", func(r *rand.Rand, b []byte) []byte { i := r.IntN(len(b)); return slices.Delete(b, i, i+1) }},
	{"character inserted", func(r *rand.Rand, b []byte) []byte {
		return slices.Insert(b, r.IntN(len(b)), "-*\x00é=A"[r.IntN(7)])
	}},
	{"two characters swapped", func(r *rand.Rand, b []byte) []byte {
		i, j := r.IntN(len(b)), r.IntN(len(b))
		b[i], b[j] = b[j], b[i]
		return b
	}},
	{"line removed", onLines(func(r *rand.Rand, l [][]byte) [][]byte { i := r.IntN(len(l)); return slices.Delete(l, i, i+1) })},
	{"line doubled", onLines(func(r *rand.Rand, l [][]byte) [][]byte { i := r.IntN(len(l)); return slices.Insert(l, i, l[i]) })},
	{"lines swapped", onLines(func(r *rand.Rand, l [][]byte) [][]byte {
		i, j := r.IntN(len(l)), r.IntN(len(l))
		l[i], l[j] = l[j], l[i]
		return l
	})},
	{"line indented", onLines(func(r *rand.Rand, l [][]byte) [][]byte {
		i := r.IntN(len(l))
		l[i] = append([]byte("  "), l[i]...)
		return l
	})},
	{"line break removed", func(r *rand.Rand, b []byte) []byte {
		i := bytes.IndexByte(b[r.IntN(len(b)/2):], '\n')
		return slices.Delete(b, i, i+1)
	}},
}

func onLines(mutate func(*rand.Rand, [][]byte) [][]byte) func(*rand.Rand, []byte) []byte {
	return func(r *rand.Rand, text []byte) []byte {
		return bytes.Join(mutate(r, bytes.SplitAfter(text, []byte("\n"))), nil)
	}
}

// damaged calls use with count mutations of the PEM text, always the same ones.
func damaged(label string, good []byte, count int, use func(name string, text []byte)) {
	r := rand.New(rand.NewPCG(1, 2))
	block := strictlyAny(good)
	for i := range count {
		if m := derMutations[r.IntN(len(derMutations))]; i%2 == 0 {
			use(fmt.Sprintf("%d: DER, %s", i, m.name), encode(label, m.mutate(r, bytes.Clone(block))))
		} else {
			m := pemMutations[r.IntN(len(pemMutations))]
			use(fmt.Sprintf("%d: PEM, %s", i, m.name), m.mutate(r, bytes.Clone(good)))
		}
	}
}

// TestMalformedCertificates: whatever is damaged, something is said, and where.
// A self-signed certificate tells of every changed byte by its signature.
func TestMalformedCertificates(t *testing.T) {
	malformed := 0
	for _, name := range []string{"pki/root.crt", "pki/ec.crt", "pki/ed.crt", "pki/sample.crt"} {
		good := read(t, name)
		damaged("CERTIFICATE", good, 400, func(mutation string, text []byte) {
			if strict := strictly(text); len(strict) == 1 && bytes.Equal(strict[0], strictlyAny(good)) {
				return // no harm done: a space more, a line break less
			}
			malformed++
			certs, problems := ParseCertificates(text)
			problems = append(problems, CheckChain(certs, Options{Now: now})...)
			checkSaid(t, name+" "+mutation, text, problems)
		})
	}
	if malformed < 1000 {
		t.Errorf("only %d malformed texts", malformed)
	}
	t.Logf("%d malformed texts", malformed)
}

// TestMalformedKeys: a damaged key gives a problem, or it is no longer the
// certificate's, unless what was damaged is nothing that anybody reads.
func TestMalformedKeys(t *testing.T) {
	malformed := 0
	for key, cert := range map[string]string{
		"pki/root.key": "pki/root.crt", "pki/root-pkcs1.key": "pki/root.crt",
		"pki/ec.key": "pki/ec.crt", "pki/ec-sec1.key": "pki/ec.crt", "pki/ed.key": "pki/ed.crt",
	} {
		good := read(t, key)
		label := string(bytes.TrimSuffix(bytes.SplitN(good[len("-----BEGIN "):], []byte("\n"), 2)[0], []byte("-----")))
		damaged(label, good, 200, func(mutation string, text []byte) {
			parsed, problems := ParsePrivateKey(text)
			if parsed != nil && SameKey(parsed.Public(), readCerts(t, cert)[0]) {
				return
			}
			malformed++
			if parsed != nil {
				problems = append(problems, Bundle{Chain: readCerts(t, cert)}.CheckKey(parsed)...)
			}
			checkSaid(t, key+" "+mutation, text, problems)
		})
	}
	if malformed < 300 {
		t.Errorf("only %d malformed texts", malformed)
	}
	t.Logf("%d malformed texts", malformed)
}

func checkSaid(t *testing.T, name string, text []byte, problems Problems) {
	t.Helper()
	if len(problems) == 0 {
		t.Errorf("%s: no problem of\n%s", name, text)
	}
	for _, p := range problems {
		switch {
		case p.Index < 0 && p.Rule != RulePEM && p.Rule != RuleNoCertificate && p.Rule != RuleKeyNotPrivate:
			t.Errorf("%s: no index: %#v", name, p)
		case p.Subject == "" && p.Index >= 0 && !strings.Contains(p.Message, "line ") && p.Rule != RuleKeyEncrypted:
			t.Errorf("%s: no line: %#v", name, p)
		case strings.HasPrefix(p.Message, "asn1") || strings.HasPrefix(p.Message, "x509"):
			t.Errorf("%s: only for those who know ASN.1: %#v", name, p)
		}
	}
}
