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
	claims := jwt.MapClaims{"Name": request.Name, "Mesh": request.Mesh, "Tags": tokenTags(request.Tags), "Type": request.Type}
	if cp.release.set&from214 != 0 {
		claims["Workload"] = request.Workload
	}
	return cp.sign(claims, request.Mesh, "dataplane-token-signing-key-"+request.Mesh, validFor)
}

// tokenTags returns the tags in a token: sorted, each value once, and without a tag that has none.
func tokenTags(given map[string][]string) map[string][]string {
	tags := map[string][]string{}
	for name, values := range given {
		if len(values) > 0 {
			tags[name] = slices.Compact(slices.Sorted(slices.Values(values)))
		}
	}
	return tags
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
	now := cp.now()
	issued := now.Add(-cp.release.tokenBackdate)
	claims["jti"], claims["nbf"], claims["iat"] = newID(), issued.Unix(), issued.Unix()
	if cp.release.set == in27 {
		claims["iat"] = now.Unix()
	}
	claims["exp"] = now.Add(validFor).Unix()
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
	secret, serial := cp.latestKeySecret(mesh, prefix)
	if secret == nil {
		detail := fmt.Sprintf("there is no signing key with KID 1. GlobalSecret of name %q is not found. "+
			"If signing key was rotated, regenerate the token", signingKeyName(prefix, 1))
		if mesh != "" {
			detail = fmt.Sprintf("there is no signing key with KID 1. Secret of name %q in mesh %q is not found. "+
				"If signing key was rotated, regenerate the token", signingKeyName(prefix, 1), mesh)
		}
		return nil, 0, &refusal{status: http.StatusNotFound, title: "Signing Key not found", detail: detail}
	}
	key, err := signingKeyIn(secret)
	if err != nil {
		return nil, 0, internal("Could not issue a token")
	}
	return key, serial, nil
}

// latestKeySecret returns the secret of the signing key with the highest serial number that is not negative, or nil for
// none. A name with the prefix that ends with no number has the serial number 0.
func (cp *ControlPlane) latestKeySecret(mesh, prefix string) (*resource, int) {
	var latest *resource
	highest := -1
	for _, secret := range cp.store.list(secretKind(mesh), mesh, nil) {
		if !strings.HasPrefix(secret.name, prefix) {
			continue
		}
		serial, err := strconv.Atoi(strings.ReplaceAll(secret.name, prefix+"-", ""))
		if err != nil {
			serial = 0
		}
		if serial > highest {
			latest, highest = secret, serial
		}
	}
	return latest, highest
}

func signingKeyName(prefix string, serial int) string { return prefix + "-" + strconv.Itoa(serial) }

func secretKind(mesh string) string {
	if mesh == "" {
		return "GlobalSecret"
	}
	return "Secret"
}

// signingKeyIn returns the key in a secret, which is PKCS #1 with or without PEM.
func signingKeyIn(secret *resource) (*rsa.PrivateKey, error) {
	data := get[[]byte](secret.document, "data")
	if block, _ := pem.Decode(data); block != nil {
		if block.Type != "RSA PRIVATE KEY" {
			return nil, fmt.Errorf("secret %s: PEM block of type %q", secret.name, block.Type)
		}
		data = block.Bytes
	}
	return x509.ParsePKCS1PrivateKey(data)
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
		secret, ok := cp.store.get(secretKind(""), "", signingKeyName(userKeyPrefix, serial))
		if !ok {
			return nil, notFound("Signing Key not found")
		}
		key, err := signingKeyIn(secret)
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
