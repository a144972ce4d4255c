package kuma

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"
)

// A TokenKind is a kind of token that a control plane issues.
type TokenKind string

// The kinds of tokens.
const (
	DataplaneToken TokenKind = "dataplane"
	UserToken      TokenKind = "user"
	ZoneToken      TokenKind = "zone"
)

// A Token is a token of the control plane, with its claims.
type Token struct {
	Text string
	// ID is the claim jti, and KeyID the serial number of the signing key.
	ID, KeyID string
	// Expires is zero for a token that does not expire.
	Expires time.Time
	// Dropped are the members of the request that the claims do not contain: a
	// version drops members that it does not know.
	Dropped []string
}

// IssueToken requests a token with members of the API: mesh, name, tags,
// groups, zone, scope and so on. No message of this client contains the token.
func (c *Client) IssueToken(ctx context.Context, kind TokenKind, members map[string]any, validFor time.Duration) (Token, error) {
	document := NewDocument()
	names := slices.Sorted(maps.Keys(members))
	for _, name := range names {
		encoded, err := json.Marshal(members[name])
		if err != nil {
			return Token{}, err
		}
		document.Set(name, encoded)
	}
	document.Set("validFor", text(validFor.String()))
	r := request{method: http.MethodPost, path: "tokens/" + string(kind), body: document.Bytes()}
	answer, err := c.send(ctx, r, c.attempts(), c.config.MaxRetries)
	if err != nil {
		return Token{}, err
	}
	signed := bytes.TrimSpace(answer.body)
	c.sent.add(signed)
	token := Token{Text: string(signed)}
	claims, ok := token.read()
	if !ok {
		return Token{}, c.defectError(r, answer.status, "is not a token")
	}
	for _, name := range names {
		if !claimed(claims, name, document.Get(name)) {
			token.Dropped = append(token.Dropped, name)
		}
	}
	return token, nil
}

// read reads the claims of a JSON web token. It does not verify the signature:
// only the control plane knows the key.
func (t *Token) read() (claims map[string]json.RawMessage, ok bool) {
	parts := strings.Split(t.Text, ".")
	if len(parts) != 3 {
		return nil, false
	}
	var header struct {
		KeyID string `json:"kid"`
	}
	var known struct {
		ID      string `json:"jti"`
		Expires int64  `json:"exp"`
	}
	if decodePart(parts[0], &header) != nil || decodePart(parts[1], &known) != nil || decodePart(parts[1], &claims) != nil {
		return nil, false
	}
	t.ID, t.KeyID = known.ID, header.KeyID
	if known.Expires > 0 {
		t.Expires = time.Unix(known.Expires, 0).UTC()
	}
	return claims, true
}

func decodePart(part string, target any) error {
	decoded, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return decode(decoded, target)
}

// claimed reports whether the claims contain a member of the request. Their
// names differ in case.
func claimed(claims map[string]json.RawMessage, name string, value json.RawMessage) bool {
	var wanted any
	if decode(value, &wanted) != nil {
		return false
	}
	for claim, has := range claims {
		var is any
		if strings.EqualFold(claim, name) && decode(has, &is) == nil && reflect.DeepEqual(is, wanted) {
			return true
		}
	}
	return false
}

// ParseLifetime parses a duration with Go's units and `d` for days of 24 hours,
// as in `30d`, `1d12h` or `90m`.
func ParseLifetime(text string) (time.Duration, error) {
	days, rest, found := strings.Cut(text, "d")
	if !found {
		days, rest = "0", text
	}
	whole, err := ParseDuration(days + "d")
	if err != nil {
		return 0, errNoLifetime
	}
	if rest == "" && found {
		return whole, nil
	}
	part, err := time.ParseDuration(rest)
	if err != nil || found && part < 0 || whole+part < whole && part > 0 {
		return 0, errNoLifetime
	}
	return whole + part, nil
}

var errNoLifetime = fmt.Errorf("it is not a duration such as 90m, 24h or 30d")
