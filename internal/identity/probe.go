package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

// A probe is an identity with the new CA that selects no proxy. Version 3 takes
// TLS from the proxies of an identity whose CA it rejects, so it first checks the
// CA there (contract, identity rotation 10). Earlier versions check nothing.
func (d *rotated) probe(ctx context.Context) (of kuma.ObjectKey, checks bool) {
	settings := d.Client.Settings(ctx)
	return kuma.MeshIdentityKey(d.mesh(), probeName(d.plan.Name.ValueString())), !settings.Global && !d.Client.NeedsMeshServices(ctx)
}

// probeName returns the name of the probe of an identity.
func probeName(identity string) string {
	return identity[:min(len(identity), kuma.MaxSecretName-len(interimInfix))] + interimInfix[:len(interimInfix)-1]
}

// startProbe creates the probe.
func (d *rotated) startProbe(ctx context.Context) error {
	of, checks := d.probe(ctx)
	if !checks {
		return nil
	}
	current, err := d.Client.Object(ctx, of, kuma.Fresh)
	if err != nil && !kuma.Absent(err) {
		return err
	}
	if err != nil {
		current = nil
	}
	_, _, err = d.Client.WriteObject(ctx, of, current, func(document *kuma.Document) error {
		return errors.Join(
			d.Parts().Edit(document, d.plan.content().Values),
			document.EditObject("spec", func(spec *kuma.Document) error {
				spec.Delete("selector")
				return kuma.EditAt(spec, []string{"provider", "bundled"}, func(bundled *kuma.Document) error {
					bundled.Set("meshTrustCreation", json.RawMessage(`"`+trustDisabled+`"`))
					return nil
				})
			}),
		)
	})
	return err
}

// endProbe waits until the control plane has checked the probe, and deletes it.
// The error says why the control plane issues nothing from the new CA.
func (d *rotated) endProbe(ctx context.Context) error {
	of, checks := d.probe(ctx)
	if !checks {
		return nil
	}
	conditions, err := d.conditions(ctx, of)
	err = errors.Join(err, d.Client.DeleteObject(ctx, of))
	ready, reported := readiness(conditions)
	if err != nil || !reported || ready.Holds() {
		return err
	}
	for _, c := range conditions {
		if !c.Holds() {
			return fmt.Errorf("the control plane issues nothing from the new CA: its condition %s is %s (%s): %s", c.Type, c.Status, c.Reason, c.Message)
		}
	}
	return nil
}

// conditions returns the conditions of an identity that was written some seconds
// ago, none if the control plane does not report any.
func (d *rotated) conditions(ctx context.Context, of kuma.ObjectKey) ([]kuma.Condition, error) {
	began, interval := d.Clock.Now(), d.Client.Settings(ctx).IdentityStatus
	for {
		document, err := d.Client.Object(ctx, of, kuma.Fresh)
		if kuma.Absent(err) { // an attempt whose answer was lost has deleted it
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		conditions, err := d.Client.Conditions(document)
		if _, reported := readiness(conditions); err != nil || reported || d.Clock.Now().Sub(began) > statusIntervals*interval {
			return conditions, err
		}
		if err := d.Clock.Sleep(ctx, statusPoll); err != nil {
			return nil, err
		}
	}
}
