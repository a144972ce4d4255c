package kuma

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

const sampleToken = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjciLCJ0eXAiOiJKV1QifQ.eyJOYW1lIjoiam9obiIsIkdyb3VwcyI6WyJhIl0sImV4cCI6MTc5NTc2NTkxMCwianRpIjoiaWQtMSJ9.c2ln"

func TestIssueToken(t *testing.T) {
	client, rec := serve(t, func(_ int, w http.ResponseWriter, _ call) {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = w.Write([]byte(sampleToken + "\n"))
	})
	token, err := client.IssueToken(t.Context(), UserToken, map[string]any{"name": "john", "groups": []string{"a"}, "later": "x"}, 36*time.Hour)
	noError(t, err)
	equal(t, "text", token.Text, sampleToken)
	equal(t, "ID", token.ID, "id-1")
	equal(t, "key", token.KeyID, "7")
	equal(t, "expiry", token.Expires.Unix(), int64(1795765910))
	equal(t, "dropped", strings.Join(token.Dropped, " "), "later")
	equal(t, "requests", rec.methods(), "POST")
	if sent := rec.all()[0]; sent.path != "/tokens/user" || !strings.Contains(sent.body, `"validFor":"36h0m0s"`) {
		t.Errorf("%+v", sent)
	}
}

func TestIssueToken_noToken(t *testing.T) {
	for _, body := range []string{"", "{}", "<html>", "a.b.c"} {
		client, _ := serve(t, func(_ int, w http.ResponseWriter, _ call) { _, _ = w.Write([]byte(body)) })
		_, err := client.IssueToken(t.Context(), ZoneToken, nil, time.Hour)
		if refusal := new(Error); !errors.As(err, &refusal) || refusal.Defect != "is not a token" {
			t.Errorf("%q: %v", body, err)
		}
	}
}

func TestParseLifetime(t *testing.T) {
	for text, want := range map[string]time.Duration{"90m": 90 * time.Minute, "1d": 24 * time.Hour, "1d12h": 36 * time.Hour, "0d": 0, "-1h": -time.Hour} {
		if got, err := ParseLifetime(text); err != nil || got != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "d", "1", "1d-1h", "-1d", "1.5d", "1w", "1h1d", "999999999d"} {
		if got, err := ParseLifetime(text); err == nil {
			t.Errorf("%q is taken for %s", text, got)
		}
	}
}
