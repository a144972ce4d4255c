package kumatest

import (
	"net"
	"regexp"
	"strings"
)

const hostLabel = `[a-zA-Z0-9_][a-zA-Z0-9_-]{0,62}`

var dnsNameSyntax = regexp.MustCompile(`^` + hostLabel + `(\.` + hostLabel + `)*[._]?$`)

// isDNSName reports whether a name is a DNS name. It allows underscores and a dot at the end.
func isDNSName(name string) bool {
	return name != "" && len(strings.ReplaceAll(name, ".", "")) <= 255 && !isIP(name) && dnsNameSyntax.MatchString(name)
}

func isIP(address string) bool { return net.ParseIP(address) != nil }
