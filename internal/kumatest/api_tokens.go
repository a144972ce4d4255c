package kumatest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	_ "embed" // for the signing key
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	// tokenSkew is how far back a control plane dates a token, so that it is valid for clocks that are slow.
	tokenSkew = 5 * time.Second
	// tokenDefault is the lifetime of a token if the request does not set one.
	tokenDefault = 10 * 365 * 24 * time.Hour

	userKeyPrefix = "user-token-signing-key"
	zoneKeyPrefix = "zone-token-signing-key"
)

// A dataplaneTokenRequest has the members of a request for a token of a proxy. Like the other two kinds, it ignores what
// belongs to another kind, of any type.
type dataplaneTokenRequest struct {
	Name     string              `json:"name"`
	Mesh     string              `json:"mesh"`
	Tags     map[string][]string `json:"tags"`
	Type     string              `json:"type"`
	Workload string              `json:"workload"`
	ValidFor string              `json:"validFor"`
}

type userTokenRequest struct {
	Name     string   `json:"name"`
	Groups   []string `json:"groups"`
	ValidFor string   `json:"validFor"`
}

type zoneTokenRequest struct {
	Zone     string   `json:"zone"`
	Scope    []string `json:"scope"`
	ValidFor string   `json:"validFor"`
}

// registerTokens adds the endpoints that issue tokens.
func (cp *ControlPlane) registerTokens(rt *router) {
	rt.add(http.MethodPost, "/tokens/dataplane", issueWith(cp.dataplaneToken))
	rt.add(http.MethodPost, "/tokens/user", adminsOnly(issueWith(cp.userToken)))
	rt.add(http.MethodPost, "/tokens/zone", issueWith(cp.zoneToken))
}

// issueWith returns a handler that reads a request and answers with the token from issue.
func issueWith[R any](issue func(user, R) (string, error)) handler {
	return func(c *call) (answer, error) {
		var request R
		if err := json.Unmarshal(c.body, &request); err != nil {
			return answer{status: http.StatusBadRequest}, nil
		}
		token, err := issue(c.user, request)
		if err != nil {
			return answer{}, err
		}
		return answer{status: http.StatusOK, header: contentType("text/plain"), body: []byte(token)}, nil
	}
}

// adminsOnly rejects other users before it reads the request.
func adminsOnly(handle handler) handler {
	return func(c *call) (answer, error) {
		if !c.user.isAdmin() {
			return answer{}, &refusal{status: http.StatusForbidden, title: "Access Denied", detail: "action not allowed"}
		}
		return handle(c)
	}
}

// mayGenerate rejects users who may not issue tokens.
func mayGenerate(u user, what string) error {
	if u.isAdmin() {
		return nil
	}
	return accessDenied(u, "generate "+what)
}

func (cp *ControlPlane) dataplaneToken(caller user, request dataplaneTokenRequest) (string, error) {
	var broken violations
	if request.Mesh == "" {
		broken.add("mesh", "cannot be empty")
	}
	validFor, problems := validity(request.ValidFor)
	broken = append(broken, problems...)
	kinds := []string{"", "dataplane", "ingress", "egress"}
	if cp.release.set == in30 {
		kinds = kinds[:2]
	}
	if !slices.Contains(kinds, request.Type) {
		broken.add("type", "%s is not a valid proxy type", request.Type)
	}
	if err := invalid("Invalid request", broken); err != nil {
		return "", err
	}
	if err := mayGenerate(caller, "dataplane token"); err != nil {
		return "", err
	}
	claims := jwt.MapClaims{"Name": request.Name, "Mesh": request.Mesh, "Tags": request.Tags, "Type": request.Type}
	if cp.release.set&from214 != 0 {
		claims["Workload"] = request.Workload
	}
	return cp.sign(claims, request.Mesh, "dataplane-token-signing-key-"+request.Mesh, validFor)
}

func (cp *ControlPlane) userToken(_ user, request userTokenRequest) (string, error) {
	var broken violations
	if request.Name == "" {
		broken.add("name", "cannot be empty")
	}
	var validFor time.Duration
	if request.ValidFor == "" {
		broken.add("validFor", "cannot be empty")
	} else {
		var problems violations
		validFor, problems = validity(request.ValidFor)
		broken = append(broken, problems...)
		if validFor == 0 {
			broken.add("validFor", "cannot be empty or nil")
		}
	}
	if err := invalid("Invalid request", broken); err != nil {
		return "", err
	}
	return cp.sign(jwt.MapClaims{"Name": request.Name, "Groups": request.Groups}, "", userKeyPrefix, validFor)
}

func (cp *ControlPlane) zoneToken(caller user, request zoneTokenRequest) (string, error) {
	if err := mayGenerate(caller, fmt.Sprintf("zone token for zone '%s'", request.Zone)); err != nil {
		return "", err
	}
	var broken violations
	if request.Scope == nil && cp.release.set != in30 {
		broken.add("scope", "cannot be empty")
	}
	validFor, problems := validity(request.ValidFor)
	if err := invalid("Invalid request", append(broken, problems...)); err != nil {
		return "", err
	}
	claims := jwt.MapClaims{"Zone": request.Zone, "Scope": request.Scope}
	return cp.sign(claims, "", zoneKeyPrefix, validFor)
}

// validity parses the lifetime of a token.
func validity(text string) (time.Duration, violations) {
	if text == "" {
		return tokenDefault, nil
	}
	validFor, err := time.ParseDuration(text)
	if err != nil {
		return 0, violations{{"validFor", "is invalid: " + err.Error()}}
	}
	return validFor, nil
}

// sign returns a token with claims, signed with the latest of the keys whose names begin with prefix.
func (cp *ControlPlane) sign(claims jwt.MapClaims, mesh, prefix string, validFor time.Duration) (string, error) {
	key, serial, err := cp.latestKey(mesh, prefix)
	if err != nil {
		return "", err
	}
	issued := cp.now().Add(-tokenSkew)
	claims["jti"] = newID()
	claims["iat"], claims["nbf"] = issued.Unix(), issued.Unix()
	claims["exp"] = issued.Add(validFor).Add(tokenSkew).Unix()
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	token.Header["kid"] = strconv.Itoa(serial)
	signed, err := token.SignedString(key)
	if err != nil {
		return "", internal("Could not issue a token")
	}
	return signed, nil
}

// latestKey returns the signing key with the highest serial number.
func (cp *ControlPlane) latestKey(mesh, prefix string) (*rsa.PrivateKey, int, error) {
	serial := 0
	for _, r := range cp.store.list(secretKind(mesh), mesh, nil) {
		if number, err := strconv.Atoi(strings.TrimPrefix(r.name, prefix+"-")); err == nil && r.name == signingKeyName(prefix, number) {
			serial = max(serial, number)
		}
	}
	key, err := cp.signingKey(mesh, signingKeyName(prefix, max(serial, 1)))
	if err != nil {
		detail := fmt.Sprintf("there is no signing key with KID 1. GlobalSecret of name %q is not found. "+
			"If signing key was rotated, regenerate the token", signingKeyName(prefix, 1))
		if mesh != "" {
			detail = fmt.Sprintf("there is no signing key with KID 1. Secret of name %q in mesh %q is not found. "+
				"If signing key was rotated, regenerate the token", signingKeyName(prefix, 1), mesh)
		}
		return nil, 0, &refusal{status: http.StatusNotFound, title: "Signing Key not found", detail: detail}
	}
	return key, serial, nil
}

func signingKeyName(prefix string, serial int) string { return prefix + "-" + strconv.Itoa(serial) }

func secretKind(mesh string) string {
	if mesh == "" {
		return "GlobalSecret"
	}
	return "Secret"
}

// signingKey returns the key in a secret.
func (cp *ControlPlane) signingKey(mesh, name string) (*rsa.PrivateKey, error) {
	secret, ok := cp.store.get(secretKind(mesh), mesh, name)
	if !ok {
		return nil, notFound("Signing Key not found")
	}
	block, _ := pem.Decode(get[[]byte](secret.document, "data"))
	if block == nil {
		return nil, fmt.Errorf("secret %s: no PEM block", name)
	}
	return x509.ParsePKCS1PrivateKey(block.Bytes)
}

// newSigningKey is what the secret of each new signing key holds, a key of no value: to make one takes a good part of a second.
//
//go:embed testdata/signing-key.pem
var newSigningKey []byte

// newID returns a random identifier.
func newID() string {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		panic(err)
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// userClaims are the claims in a user token.
type userClaims struct {
	Name   string
	Groups []string
	jwt.RegisteredClaims
}

// userOf returns the user of a token that this control plane has signed and that is valid now.
func (cp *ControlPlane) userOf(token string) (user, error) {
	var claims userClaims
	_, err := jwt.ParseWithClaims(token, &claims, func(t *jwt.Token) (any, error) {
		id, _ := t.Header["kid"].(string)
		serial, err := strconv.Atoi(id)
		if err != nil {
			return nil, err
		}
		key, err := cp.signingKey("", signingKeyName(userKeyPrefix, serial))
		if err != nil {
			return nil, err
		}
		return &key.PublicKey, nil
	}, jwt.WithValidMethods([]string{jwt.SigningMethodRS256.Alg()}), jwt.WithTimeFunc(cp.now), jwt.WithExpirationRequired())
	if err != nil {
		return user{}, err
	}
	return known(claims.Name, claims.Groups...), nil
}
