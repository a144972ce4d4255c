package mtls

import (
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

// withZoneEgress changes a mesh, and turns its zone egress off and on together
// with its mTLS, because the control plane accepts zone egress only with mTLS.
// If this run enables a backend again, for example in a replacement, it turns
// zone egress on again.
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
		r.Run.AwaitZoneEgress(name, true)
		return mesh.SetZoneEgress(false)
	case enabled != "" && r.Run.AwaitsZoneEgress(name):
		return mesh.SetZoneEgress(true)
	}
	return nil
}
