package pki

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// SPIFFE's grammar of the parts of an ID (SPIFFE-ID 2.1 and 2.2).
var (
	trustDomain = regexp.MustCompile(`^[a-z0-9._-]+$`)
	pathSegment = regexp.MustCompile(`^[a-zA-Z0-9._-]+$`)
)

// Limits in bytes: of a trust domain, and of a whole SPIFFE ID (SPIFFE-ID 2.3).
const (
	maxTrustDomain = 255
	maxSPIFFEID    = 2048
)

// spiffeScheme begins every SPIFFE ID.
const spiffeScheme = "spiffe://"

// CheckSPIFFEID checks the SPIFFE ID of a proxy: spiffe://<trust domain>/<path>
// (SPIFFE-ID, section 2). A proxy has a path, which other SPIFFE IDs may not
// have (X509-SVID 5.2).
func CheckSPIFFEID(id string) error {
	rest, is := strings.CutPrefix(id, spiffeScheme)
	domain, path, _ := strings.Cut(rest, "/")
	switch {
	case MayHoldKey(id):
		return errors.New("the SPIFFE ID is not shown here, because it may be a private key")
	case !is:
		return fmt.Errorf("it does not begin with %s, as every SPIFFE ID does", spiffeScheme)
	case !strings.Contains(rest, "/"):
		return errors.New("it has no path: the SPIFFE ID of a proxy is spiffe://<trust domain>/<path>")
	}
	if err := errors.Join(CheckTrustDomain(domain), CheckSPIFFEPath("/"+path)); err != nil {
		return err
	}
	if len(id) > maxSPIFFEID {
		return fmt.Errorf("it has %d bytes, and the maximum is %d: use a shorter path", len(id), maxSPIFFEID)
	}
	return nil
}

// CheckTrustDomain checks the trust domain of a SPIFFE ID (SPIFFE-ID 2.1).
func CheckTrustDomain(domain string) error {
	switch {
	case domain == "":
		return errors.New("the trust domain is empty")
	case MayHoldKey(domain):
		return errors.New("the trust domain is not shown here, because it may be a private key")
	case len(domain) > maxTrustDomain:
		return fmt.Errorf("the trust domain has %d bytes, and the maximum is %d", len(domain), maxTrustDomain)
	case !trustDomain.MatchString(domain):
		return errors.New("in a trust domain, only lowercase letters, digits, dashes, underscores and dots are allowed, and no scheme, user " +
			"or port")
	default:
		return nil
	}
}

// CheckSPIFFEPath checks the path of the SPIFFE ID of a proxy (SPIFFE-ID 2.2),
// which begins with a slash.
func CheckSPIFFEPath(path string) error {
	rest, is := strings.CutPrefix(path, "/")
	switch {
	case MayHoldKey(path):
		return errors.New("the path is not shown here, because it may be a private key")
	case !is:
		return fmt.Errorf("the path does not begin with a slash: write %s", Quote("/"+path))
	case rest == "":
		return errors.New("the path has no segment: the path of a proxy is for example /workload/web")
	case strings.HasSuffix(rest, "/"):
		return errors.New("the path ends with a slash: remove it")
	}
	for segment := range strings.SplitSeq(rest, "/") {
		if segment == "." || segment == ".." || !pathSegment.MatchString(segment) {
			return fmt.Errorf("segment %s of the path is not valid: only letters, digits, dashes, underscores and dots are allowed, and not . or "+
				".. alone", Quote(segment))
		}
	}
	return nil
}

// JoinSPIFFEID returns the SPIFFE ID with this trust domain and path. It does not
// check them.
func JoinSPIFFEID(trustDomain, path string) string { return spiffeScheme + trustDomain + path }
