package mtls

import (
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

// withZoneEgress changes a mesh, and turns its zone egress off and on together
// with its mTLS: the control plane accepts the one only with the other. What goes
// off comes back when this run enables a backend again, as a replacement does.
func (r *backend) withZoneEgress(name string, mesh *kuma.Mesh, change func(*kuma.Mesh) error) error {
	on, err := mesh.ZoneEgress()
	if err != nil {
		return err
	}
	if err := change(mesh); err != nil {
		return err
	}
	enabled, err := mesh.EnabledBackend()
	switch {
	case err != nil:
		return err
	case enabled == "" && on:
		r.Run.ZoneEgress.Await(name)
		return mesh.SetZoneEgress(false)
	case enabled != "" && r.Run.ZoneEgress.Awaited(name):
		return mesh.SetZoneEgress(true)
	}
	return nil
}
