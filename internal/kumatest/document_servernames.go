package kumatest

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// A serverName is the TLS server name for a port of a service.
type serverName struct {
	Port int    `json:"port"`
	SNI  string `json:"sni"`
}

// serverNames returns the server names of a service's ports, in the order of the ports.
func (r *resource) serverNames() []serverName {
	ports := place{value: r.spec}.to("ports").list()
	switch r.kind.name {
	case "MeshExternalService":
		ports = []place{place{value: r.spec}.to("match")}
	case "MeshService", "MeshMultiZoneService":
	default:
		return nil
	}
	var names []serverName
	for _, port := range ports {
		number, _ := port.to("port").value.(float64)
		section := cmp.Or(port.to("name").text(), strconv.Itoa(int(number)))
		parts := []string{"sni", r.kind.short, r.mesh}
		if zone := r.labels[zoneLabel]; zone != "" {
			parts = append(parts, zone)
		}
		parts = append(parts, displayName(r.name, r.labels), section)
		names = append(names, serverName{int(number), strings.Join(parts, ".")})
	}
	slices.SortStableFunc(names, func(a, b serverName) int { return cmp.Compare(a.Port, b.Port) })
	return names
}
