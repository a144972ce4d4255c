package rollout

import (
	"slices"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

// PendingZones returns the zones of a global control plane that may not have a
// written mesh yet, or a written MeshIdentity: those that are disconnected, and
// those that have acknowledged none since before.
func PendingZones(before, now []kuma.Zone, identity bool) []Pending {
	acknowledged, what := func(z kuma.Zone) uint64 { return z.Meshes.Acknowledged }, "mesh"
	if identity {
		acknowledged, what = func(z kuma.Zone) uint64 { return z.Identities.Acknowledged }, "MeshIdentity"
	}
	var pending []Pending
	for _, zone := range now {
		i := slices.IndexFunc(before, func(z kuma.Zone) bool { return z.Name == zone.Name })
		same := i >= 0 && before[i].Subscription == zone.Subscription // a new connection begins with all resources
		switch {
		case !zone.Online:
			pending = append(pending, Pending{Name: "zone " + zone.Name, Why: "it is not connected to the global control plane", Since: zone.Disconnected})
		case same && acknowledged(zone) <= acknowledged(before[i]), acknowledged(zone) == 0:
			pending = append(pending, Pending{Name: "zone " + zone.Name, Why: "it has not acknowledged the " + what})
		}
	}
	return pending
}
