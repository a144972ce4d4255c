package identity

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/part"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// How long to wait for conditions. The control plane checks identities at an
// interval, and nothing shows whether conditions are those of the previous
// version: only after an interval they are not (IDENTITY recordings, "status").
// A CA that it generates takes two of them.
const (
	statusMargin    = time.Second
	statusPoll      = time.Second
	statusIntervals = 3
)

// Types and reasons of conditions.
const (
	conditionReady        = "Ready"
	reasonPartiallyReady  = "PartiallyReady"
	reasonMeshServices    = "MeshServicesDisabled"
	reasonTrust           = "MeshTrustCreationError"
	reasonNoProvider      = "ProviderNotFoundError"
	reasonValidation      = "ProviderValidationError"
	reasonInitialization  = "ProviderInitializationError"
	conditionNotEvaluated = "Unknown"
)

// awaitReady waits until the control plane reports that a written identity is
// ready. It adds an error if it reports otherwise. A global control plane reports
// nothing.
func (r *meshIdentity) awaitReady(ctx context.Context, plan model, diags *diag.Diagnostics) {
	settings := r.Client.Settings(ctx)
	if diags.HasError() || settings.Known && settings.Global {
		return
	}
	began, wait := r.Clock.Now(), settings.IdentityStatus+statusMargin
	var seen []kuma.Condition
	for {
		if err := r.Clock.Sleep(ctx, wait); err != nil {
			r.addNotReady(plan, seen, err, diags)
			return
		}
		document, err := r.Client.Object(ctx, r.Of(plan.Envelope), kuma.Fresh)
		if err == nil {
			seen, err = r.Client.Conditions(document)
		}
		if err != nil {
			tfkit.AddError(diags, "read the status of "+plan.String(), err)
			return
		}
		patient := r.Clock.Now().Sub(began) < statusIntervals*settings.IdentityStatus
		switch is, reported := readiness(seen); {
		case reported && (is.Holds() || is.Reason == reasonPartiallyReady && !plan.provides()):
			return
		case reported && !patient:
			r.addNotReady(plan, seen, nil, diags)
			return
		case !reported && !patient && !settings.Known: // it may be a global control plane
			diags.AddWarning("Identity status is unknown", fmt.Sprintf(
				"The control plane accepted %s, and does not report whether it is ready. A global control plane never does, and this user cannot read "+
					"which kind it is. Check the conditions with the data source kongmesh_mesh_identity on the control plane of the zone.", plan.String()))
			return
		}
		wait = statusPoll
	}
}

// readiness returns the condition Ready. reported is false if there is none yet.
func readiness(conditions []kuma.Condition) (ready kuma.Condition, reported bool) {
	i := slices.IndexFunc(conditions, func(c kuma.Condition) bool { return c.Type == conditionReady && c.Status != conditionNotEvaluated })
	if i < 0 {
		return ready, false
	}
	return conditions[i], true
}

// addNotReady adds the error for the first condition that does not hold, or for
// err if there is none.
func (r *meshIdentity) addNotReady(plan model, conditions []kuma.Condition, err error, diags *diag.Diagnostics) {
	i := slices.IndexFunc(conditions, func(c kuma.Condition) bool { return !c.Holds() })
	if i < 0 {
		tfkit.AddError(diags, "wait until "+plan.String()+" is ready", err)
		return
	}
	failed := conditions[i]
	at := plan.attributeOf(failed)
	diags.AddAttributeError(at, "Identity is not ready", tfkit.WithPath(at, fmt.Sprintf(
		"The control plane accepted %s, and issues no certificates from it. Its condition %s is %s (%s): %s.\n\n"+
			"Proxies that it selects have no TLS until it is ready. Fix the cause, and apply again.",
		plan.String(), failed.Type, failed.Status, failed.Reason, failed.Message)))
}

// attributeOf returns the attribute that a condition is about (IDENTITY
// recordings, "causes").
func (m model) attributeOf(c kuma.Condition) path.Path {
	provider := path.Root("bundled")
	switch {
	case !m.Spire.IsNull():
		provider = path.Root("spire")
	case !m.Extension.IsNull():
		provider = path.Root("extension")
	case !part.IsNull(part.AttributesOf(m.Bundled)["ca"]):
		provider = path.Root("bundled").AtName("ca")
	case !m.Bundled.IsNull():
		provider = path.Root("bundled").AtName("autogenerate")
	}
	custom := part.TextOf(part.AttributesOf(m.SpiffeID)["trust_domain"])
	switch c.Reason {
	case reasonMeshServices:
		return path.Root("mesh")
	case reasonNoProvider:
		return provider
	case reasonInitialization, reasonTrust: // it renders the trust domain, and reads the certificate
		if custom != "" && !isConstant(custom) {
			return path.Root("spiffe_id").AtName("trust_domain")
		}
		return provider
	case reasonValidation:
		return provider
	}
	return path.Root("name")
}
