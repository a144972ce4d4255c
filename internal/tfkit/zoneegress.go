package tfkit

import (
	"sync"
)

// ZoneEgress records the meshes that need zone egress once they have mTLS: the
// control plane accepts routing.zoneEgress only with mTLS, and a run writes a
// mesh before it enables the mTLS backend. The next run detects a missing zone
// egress in the mesh. It is safe for concurrent use.
type ZoneEgress struct {
	meshes sync.Map
}

// Await records that a mesh needs zone egress.
func (z *ZoneEgress) Await(mesh string) { z.meshes.Store(mesh, true) }

// Forget removes the record of a mesh.
func (z *ZoneEgress) Forget(mesh string) { z.meshes.Delete(mesh) }

// Awaited reports whether a mesh needs zone egress.
func (z *ZoneEgress) Awaited(mesh string) bool {
	_, awaited := z.meshes.Load(mesh)
	return awaited
}
