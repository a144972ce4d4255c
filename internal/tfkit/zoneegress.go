package tfkit

import (
	"sync"
)

// ZoneEgress records the meshes that are to have zone egress as soon as they have
// mTLS: the control plane accepts routing.zoneEgress only with mTLS, and a run
// writes a mesh before it enables the mTLS backend of the mesh. The next
// run sees in the mesh what is missing. Safe for concurrent use.
type ZoneEgress struct {
	meshes sync.Map
}

// Await records that a mesh is to have zone egress.
func (z *ZoneEgress) Await(mesh string) { z.meshes.Store(mesh, true) }

// Forget is the opposite of Await.
func (z *ZoneEgress) Forget(mesh string) { z.meshes.Delete(mesh) }

// Awaited reports whether a mesh is to have zone egress.
func (z *ZoneEgress) Awaited(mesh string) bool {
	_, awaited := z.meshes.Load(mesh)
	return awaited
}
