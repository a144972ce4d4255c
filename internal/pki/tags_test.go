package pki

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestSPIFFEID(t *testing.T) {
	long := strings.Repeat("m", 63)
	for _, c := range []struct{ mesh, service, want string }{
		{"default", "backend", "spiffe://default/backend"},
		{"do.t", "Web_1.v2-x", "spiffe://do.t/Web_1.v2-x"},
		{"9nine", "...", "spiffe://9nine/..."},
		{long, "a", "spiffe://" + long + "/a"},
	} {
		if got, err := SPIFFEID(c.mesh, c.service); got != c.want || err != nil {
			t.Errorf("%q, %q: %q, %v", c.mesh, c.service, got, err)
		}
	}
	for _, c := range []struct{ mesh, service, want string }{
		{"", "web", "the mesh has no name"},
		{"default", "", "the service has no name"},
		{"Upper", "web", `"Upper"`},
		{"under_score", "web", `"under_score"`},
		{"-dash", "web", `"-dash"`},
		{"dash-", "web", `"dash-"`},
		{"a..b", "web", `"a..b"`},
		{"a.", "web", `"a."`},
		{"line\n", "web", `"line\n"`},
		{long + "m", "web", "64 characters"},
		{"default", "a/b", `"a/b"`},
		{"default", "a:b", `"a:b"`},
		{"default", ".", `"."`},
		{"default", "..", `".."`},
		{"default", "ü", `"ü"`},
		{"default", "web\n", `"web\n"`},
		{"default", strings.Repeat("s", 2048), "2048"},
		{"Upper", "a:b", `"Upper"`},
		{"Upper", "a:b", `"a:b"`},
	} {
		if got, err := SPIFFEID(c.mesh, c.service); got != "" || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q, %q: %q, %v; want %s", c.mesh, c.service, got, err, c.want)
		}
	}
}

// TestErrorMessages holds the prose of all errors that are no problems of
// certificates against a file.
func TestErrorMessages(t *testing.T) {
	var out strings.Builder
	tell := func(name string, err error) {
		fmt.Fprintf(&out, "=== %s\n%v\n\n", name, err)
	}
	_, err := SPIFFEID("", "")
	tell("neither mesh nor service", err)
	_, err = SPIFFEID("Upper", "a/b")
	tell("mesh and service of wrong characters", err)
	_, err = SPIFFEID(strings.Repeat("m", 64), "..")
	tell("long mesh, dots for a service", err)
	_, err = SPIFFEID("default", strings.Repeat("s", 2048))
	tell("long service", err)
	tell("no tags", CheckTags(nil))
	tell("tags", CheckTags(map[string][]string{
		ServiceTag: {"a:b"}, ProtocolTag: {"ftp"}, "version": nil, "a b": {"x y"}, "a:b": {"x"}, "": {""},
	}))
	_, err = Order(append(readCerts(t, "pki/ec.crt"), readCerts(t, "pki/ed.crt")...))
	tell("no order", err)
	_, err = Derive(CA{}, ProxyRequest{}, now)
	tell("no CA", err)
	ca := readCA(t, "ec", "ec")
	_, err = Derive(ca, ProxyRequest{Mesh: "default", Tags: ServiceTags("web"), Expiration: time.Second}, now)
	tell("short expiration", err)
	_, err = Issue(ca, ProxyRequest{Mesh: "default", Tags: ServiceTags("web"), Expiration: time.Millisecond}, now, nil)
	tell("shorter expiration", err)
	_, err = Derive(CA{Bundle{readCerts(t, "pki/should.crt"), readCerts(t, "pki/expired.crt")}, ca.Key}, ProxyRequest{Mesh: "default"}, now)
	tell("everything wrong", err)
	golden(t, "errors.golden", out.String())
}

func TestCheckTags(t *testing.T) {
	with := func(name string, values ...string) map[string][]string {
		tags := ServiceTags("web")
		tags[name] = values
		return tags
	}
	for _, tags := range []map[string][]string{
		ServiceTags("web", "db"), recordedTags, with("kuma.io/protocol", "HTTP2"), with("a:80", "x"), with("/a", "x"), with("k8s.io/a/b", "x:y"),
	} {
		if err := CheckTags(tags); err != nil {
			t.Errorf("%v: %v", tags, err)
		}
		if _, err := Derive(readCA(t, "ed", "ed"), ProxyRequest{Mesh: "default", Tags: tags}, now); err != nil {
			t.Errorf("%v: %v", tags, err)
		}
	}
	for _, c := range []struct {
		tags map[string][]string
		want []string
	}{
		{nil, []string{"there is no kuma.io/service"}},
		{ServiceTags(), []string{"there is no kuma.io/service"}},
		{ServiceTags("a:b"), []string{`"a:b"`, "service"}},
		{ServiceTags("a b"), []string{`"a b"`, "value"}},
		{with("version"), []string{`"version" has no value`}},
		{with("version", ""), []string{`"" is not a valid value of tag "version"`}},
		{with("version", "1", "2/3"), []string{`"2/3"`}},
		{with("", "x"), []string{`"" is not a valid name of a tag`}},
		{with("a b", "x"), []string{`"a b"`}},
		{with("a:b", "x"), []string{`"a:b"`, "URI"}},
		{with("a..b", "x"), []string{`"a..b"`, "URI"}},
		{with("kuma.io/protocol", "ftp"), []string{`"ftp"`, "grpc, http"}},
		{map[string][]string{"a b": {"ü"}, "c d": {"x"}}, []string{"there is no kuma.io/service", `"a b"`, `"ü"`, `"c d"`}},
	} {
		err := CheckTags(c.tags)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v: %v; want %s", c.tags, err, want)
			}
		}
	}
}
