package rollout

import (
	"slices"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

// PendingZones returns the zones of a global control plane that are not seen to
// have a mesh that was written: those that are not connected, and those that
// have acknowledged no mesh since before.
func PendingZones(before, now []kuma.Zone) []Pending {
	var pending []Pending
	for _, zone := range now {
		i := slices.IndexFunc(before, func(z kuma.Zone) bool { return z.Name == zone.Name })
		same := i >= 0 && before[i].Subscription == zone.Subscription // a new connection begins with all there is
		switch {
		case !zone.Online:
			pending = append(pending, Pending{Name: "zone " + zone.Name, Why: "it is not connected to the global control plane", Since: zone.Disconnected})
		case same && zone.Meshes.Acknowledged <= before[i].Meshes.Acknowledged, zone.Meshes.Acknowledged == 0:
			pending = append(pending, Pending{Name: "zone " + zone.Name, Why: "it has not acknowledged the mesh"})
		}
	}
	return pending
}
