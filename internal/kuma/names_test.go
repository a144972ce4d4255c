package kuma

import (
	"strings"
	"testing"
	"time"
)

func TestCheckName(t *testing.T) {
	for _, name := range []string{"a", "0", "a-b", "a.b", "a--b", "ca.cert", strings.Repeat("a", 63)} {
		if err := CheckName(name, MaxMeshName); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", "-a", "a-", "A", "a_b", "a..b", ".a", "a.", "a.-b", "a b", "a/b", "ä", "a\n", strings.Repeat("a", 64)} {
		if CheckName(name, MaxMeshName) == nil {
			t.Errorf("%q is allowed", name)
		}
	}
	noError(t, CheckName(strings.Repeat("a", 253), MaxSecretName))
}

func TestCheckMeshReference(t *testing.T) {
	for _, name := range []string{"a", "under_score", "a-", "a..b", strings.Repeat("a", 253)} {
		if err := CheckMeshReference(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", "_a", ".", "..", "A", "a/b", "a\n", strings.Repeat("a", 254)} {
		if CheckMeshReference(name) == nil {
			t.Errorf("%q is allowed", name)
		}
	}
}

func TestParseDuration(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"0": 0, "0s": 0, "1ms": time.Millisecond, "90s": 90 * time.Second, "90m": 90 * time.Minute, "36h": 36 * time.Hour,
		"1d": day, "2w": 14 * day, "10y": 3650 * day, "007m": 7 * time.Minute, "9223372036s": 9223372036 * time.Second,
	} {
		got, err := ParseDuration(text)
		noError(t, err)
		equal(t, text, got, want)
	}
	for _, text := range []string{"", "1", "d", "1 day", "1d ", " 1d", "1h30m", "-1d", "+1d", "1.5h", "1us", "1D", "1d\n", "9223372037s", "300y", "99999999999999999999s"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q is %s", text, got)
		}
	}
}

func TestSameGoDuration(t *testing.T) {
	equal(t, "1.5s 1.500s", sameGoDuration("1.5s", "1.500s"), true)
	equal(t, "1m30s 90s", sameGoDuration("1m30s", "90s"), true)
	equal(t, "no value and none in words", sameGoDuration("", "0s"), false)
}

func FuzzDuration(f *testing.F) {
	for _, text := range []string{"0", "1d", "90m", "5ms", "1h30m", "-1s", "300y", "99999999999999999999y", "٣d", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseDuration(text)
		switch {
		case err != nil && got != 0, got < 0:
			t.Fatalf("%q is %s, %v", text, got, err)
		case err == nil && strings.Trim(text, "0123456789ywdhms") != "":
			t.Fatalf("%q is %s", text, got)
		case err == nil && strings.HasSuffix(text, "h"): // where both grammars agree
			if same, err := time.ParseDuration(text); err != nil || same != got {
				t.Fatalf("%q is %s, and %s to Go (%v)", text, got, same, err)
			}
		}
	})
}
