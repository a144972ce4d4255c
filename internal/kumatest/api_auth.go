package kumatest

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// A user is the sender of a request.
type user struct {
	Name   string   `json:"name"`
	Groups []string `json:"groups"`
}

const adminGroup = "mesh-system:admin"

func (u user) isAdmin() bool { return u.Name == adminGroup || slices.Contains(u.Groups, adminGroup) }

func (u user) String() string { return u.Name + "/" + strings.Join(u.Groups, ",") }

func known(name string, groups ...string) user {
	return user{Name: name, Groups: append(groups, "mesh-system:authenticated")}
}

func localAdmin() user { return known("mesh-system:admin", adminGroup) }

func anonymous() user {
	return user{Name: "mesh-system:anonymous", Groups: []string{"mesh-system:unauthenticated"}}
}

// identify returns the user of a request, or rejects an invalid token.
func (cp *ControlPlane) identify(r *http.Request) (user, error) {
	if !cp.auth && isDirect(r) {
		return localAdmin(), nil
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return anonymous(), nil
	}
	switch token {
	case AdminToken:
		if cp.kubernetes { // the token that its chart makes
			return localAdmin(), nil
		}
		return known("admin", adminGroup), nil
	case ReaderToken:
		return known("reader", "readers"), nil
	default:
		if caller, err := cp.userOf(token); err == nil {
			return caller, nil
		}
		return user{}, &refusal{status: http.StatusUnauthorized, title: "Invalid authentication data", detail: "Unauthenticated"}
	}
}

func accessDenied(u user, what string) error {
	return &refusal{status: http.StatusForbidden, title: "Access Denied", detail: fmt.Sprintf("user %q cannot access %s", u, what)}
}

// isDirect reports whether a request comes directly from a program on this machine, which makes its user an
// administrator. A request through a proxy, or from a browser for another site's page, does not. A request without a
// loopback address was made inside this process.
func isDirect(r *http.Request) bool {
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil && !isLoopback(host) {
		return true
	}
	for _, header := range []string{"Forwarded", "X-Forwarded-For", "X-Real-IP"} {
		if r.Header.Get(header) != "" {
			return false
		}
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return false
	}
	return isLoopback(hostOf(r.Host)) && isSameOrigin(r.Header.Get("Origin"), r.Host)
}

func isLoopback(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func hostOf(authority string) string {
	u, err := url.Parse("http://" + authority)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

func isSameOrigin(origin, host string) bool {
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Path == "" && strings.EqualFold(u.Host, host)
}
