package pki

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Tags of a data plane proxy with a meaning in this package.
const (
	// ServiceTag names the services of a proxy; each value is a SPIFFE ID.
	ServiceTag = "kuma.io/service"
	// ProtocolTag names the protocol of an inbound.
	ProtocolTag = "kuma.io/protocol"
)

// The control plane's grammar of names of meshes (RFC 1123 subdomain, recorded) and
// of tags. SPIFFE's grammar of a path is narrower than that of a tag's value.
var (
	meshName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
	tagName  = regexp.MustCompile(`^[a-zA-Z0-9._:/-]+$`)
	tagValue = regexp.MustCompile(`^[a-zA-Z0-9._:-]+$`)
)

// protocols are the protocols that a control plane of any supported version
// knows, in upper or lower case.
var protocols = []string{"grpc", "http", "http2", "kafka", "mysql", "tcp", "tls"}

// maxMeshName is the limit of a mesh's name in bytes (recorded).
const maxMeshName = 63

// ServiceTags returns the tags of a proxy with these services, if nothing else
// is known of it.
func ServiceTags(services ...string) map[string][]string {
	return map[string][]string{ServiceTag: services}
}

// SPIFFEID returns the identity of a service in a mesh,
// spiffe://<mesh>/<service>. The error names the argument that cannot be part
// of a SPIFFE ID (SPIFFE-ID, section 2).
func SPIFFEID(mesh, service string) (string, error) {
	if err := errors.Join(checkMesh(mesh), checkService(service)); err != nil {
		return "", err
	}
	id := spiffeScheme + mesh + "/" + service
	if len(id) > maxSPIFFEID {
		return "", fmt.Errorf("the SPIFFE ID of this service would have %d bytes, and the maximum is %d: use a shorter name for the service", len(id), maxSPIFFEID)
	}
	return id, nil
}

func checkMesh(name string) error {
	switch {
	case name == "":
		return errors.New("the mesh has no name")
	case len(name) > maxMeshName:
		return fmt.Errorf("the name of the mesh has %d characters, and the maximum is %d", len(name), maxMeshName)
	case !meshName.MatchString(name):
		return fmt.Errorf("%s is not a valid name of a mesh: only lowercase letters, digits, dashes and dots are allowed, with a letter "+
			"or digit at both ends and on both sides of a dot", Quote(name))
	default:
		return nil
	}
}

func checkService(name string) error {
	switch {
	case name == "":
		return errors.New("the service has no name")
	case MayHoldKey(name):
		return errors.New("the name of the service is not shown here, because it may be a private key")
	case name == ".", name == "..", !pathSegment.MatchString(name):
		return fmt.Errorf("%s is not a valid name of a service in a certificate: only letters, digits, dashes, underscores and dots are "+
			"allowed, and not . or .. alone", Quote(name))
	default:
		return nil
	}
}

// CheckTags checks the tags of a proxy by the control plane's grammar, and that
// a certificate can be issued for them, which needs at least one service. The
// error joins one error for each problem, in the order of the tags' names.
func CheckTags(tags map[string][]string) error {
	var errs []error
	if len(tags[ServiceTag]) == 0 {
		errs = append(errs, fmt.Errorf("there is no %s: a proxy certificate contains the name of a service", ServiceTag))
	}
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		errs = append(errs, checkTagName(name))
		if len(tags[name]) == 0 && name != ServiceTag {
			errs = append(errs, fmt.Errorf("tag %s has no value", Quote(name)))
		}
		for _, value := range tags[name] {
			errs = append(errs, checkTagValue(name, value))
		}
	}
	return errors.Join(errs...)
}

func checkTagName(name string) error {
	if !tagName.MatchString(name) {
		return fmt.Errorf("%s is not a valid name of a tag: only letters, digits, dashes, underscores, dots, colons and slashes are "+
			"allowed", Quote(name))
	}
	// A tag becomes a URI, kuma://<name>/<value>. The part before the first
	// slash becomes the host, which is not possible for every name.
	uri, err := url.Parse("kuma://" + name)
	if err != nil || uri.Host != "" && slices.Contains(strings.Split(uri.Host, "."), "") {
		return fmt.Errorf("the control plane cannot issue a certificate for a tag %s: %s is not a valid URI", Quote(name), Quote("kuma://"+name))
	}
	return nil
}

func checkTagValue(name, value string) error {
	switch {
	case !tagValue.MatchString(value):
		return fmt.Errorf("%s is not a valid value of tag %s: only letters, digits, dashes, underscores, dots and colons are allowed", Quote(value), Quote(name))
	case name == ServiceTag:
		return checkService(value)
	case name == ProtocolTag && !slices.Contains(protocols, strings.ToLower(value)):
		return fmt.Errorf("%s is not a valid value of tag %s: it is one of %s", Quote(value), Quote(name), strings.Join(protocols, ", "))
	default:
		return nil
	}
}

// identities returns the URIs of a proxy certificate, in the recorded order:
// spiffe://<mesh>/<service>, then kuma://<tag>/<value>, sorted by tag and
// value, without duplicates.
func identities(mesh string, tags map[string][]string) ([]*url.URL, error) {
	if err := errors.Join(checkMesh(mesh), CheckTags(tags)); err != nil {
		return nil, err
	}
	var ids []string
	for _, service := range sortedUnique(tags[ServiceTag]) {
		id, err := SPIFFEID(mesh, service)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	for _, tag := range slices.Sorted(maps.Keys(tags)) {
		for _, value := range sortedUnique(tags[tag]) {
			ids = append(ids, "kuma://"+tag+"/"+value)
		}
	}
	var uris []*url.URL
	for _, id := range ids {
		uri, err := url.Parse(id)
		if err != nil {
			return nil, fmt.Errorf("the control plane cannot issue a certificate for these tags: %w", err)
		}
		uris = append(uris, uri)
	}
	return uris, nil
}

func sortedUnique(values []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(values)))
}
