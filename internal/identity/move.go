package identity

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/rollout"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// announced is how long the control plane takes until clients of a service expect
// the SPIFFE IDs that an identity announces, at intervals of 5 s (measured: 7 s).
const announced = 15 * time.Second

// newcomers returns the proxies with a connection that a plan selects and that
// get nothing from the identity yet, those of current being the ones that do.
// anonymous reports whether none of them has an identity: an announcement would
// take the others from theirs if its selector is more specific.
func (r *meshIdentity) newcomers(ctx context.Context, current *kuma.Document, plan model, age kuma.MaxAge) (proxies []kuma.Dataplane, anonymous bool, err error) {
	settings := r.Client.Settings(ctx)
	if plan.issuesNothing() || settings.Known && settings.Global { // each zone selects by itself
		return nil, false, nil
	}
	has := rollout.Issuer{}
	if current != nil {
		is, err := modelOf(current, plan.Mesh.ValueString())
		if err != nil {
			return nil, false, err
		}
		has = is.serves()
	}
	all, err := r.Client.DataplanesAsOf(ctx, plan.Mesh.ValueString(), age)
	if kuma.Absent(err) || kuma.NoAddress(err) {
		return nil, false, nil
	}
	wants := plan.issuer()
	for _, d := range all {
		if d.Online && wants.Selected(d) && !has.Selected(d) {
			anonymous = (anonymous || len(proxies) == 0) && !rollout.Foreign(d)
			proxies = append(proxies, d)
		}
	}
	return proxies, anonymous, err
}

// moveProxies writes an identity so that its new proxies get its certificates without a
// refused handshake (contract, identity rotation 4 and 7): it announces the
// SPIFFE IDs to those who expect others, prepares the identity without a
// selector, and selects once it is ready.
func (r *meshIdentity) moveProxies(ctx context.Context, current *kuma.Document, plan, prior model, anonymous bool, diags *diag.Diagnostics) *kuma.Document {
	announcement := ""
	if anonymous {
		var err error
		if announcement, err = r.announce(ctx, plan); err != nil {
			tfkit.AddError(diags, "announce the SPIFFE IDs of "+plan.String(), err)
			return nil
		}
	}
	prepared := plan
	if prepared.Selector = prior.Selector; current == nil || prior.Selector.IsNull() {
		prepared.Selector = types.ObjectNull(plan.Selector.AttributeTypes(ctx))
	}
	document := r.Write(ctx, current, prepared.content(), prior.Labels, diags)
	if document == nil || diags.HasError() {
		return document
	}
	if r.awaitReady(ctx, prepared, diags); diags.HasError() {
		return document
	}
	timing := rollout.NewTiming(r.Client.Settings(ctx))
	if err := r.Clock.Sleep(ctx, announced); err != nil {
		tfkit.AddError(diags, "wait until proxies expect the SPIFFE IDs of "+plan.String(), err)
		return document
	}
	before, err := rollout.ReadProxies(ctx, r.Client, plan.Mesh.ValueString())
	if err != nil {
		tfkit.AddError(diags, "list the data plane proxies of mesh "+tfkit.Quote(plan.Mesh.ValueString()), err)
		return document
	}
	now, err := r.Client.Object(ctx, r.Of(plan.Envelope), kuma.Fresh)
	if err != nil {
		tfkit.AddError(diags, "read "+plan.String(), err)
		return document // it exists
	}
	selected := r.Write(ctx, now, plan.content(), prior.Labels, diags)
	if selected == nil || diags.HasError() {
		return cmp.Or(selected, document)
	}
	r.awaitCertificates(ctx, plan, selected, timing, before, diags)
	if announcement != "" {
		tfkit.AddError(diags, "delete the announcement of "+plan.String(), r.Client.DeleteObject(context.WithoutCancel(ctx), kuma.MeshIdentityKey(plan.Mesh.ValueString(), announcement)))
	}
	return selected
}

// awaitCertificates waits until each selected proxy has a certificate of the
// identity. It warns of those that do not get one in time: the identity itself is
// as configured.
func (r *meshIdentity) awaitCertificates(ctx context.Context, plan model, document *kuma.Document, timing rollout.Timing, before rollout.View, diags *diag.Diagnostics) {
	modified, err := document.ModificationTime()
	proxies := rollout.Proxies{Timing: timing, TwoClocks: true, Issuer: plan.issuer()}
	proxies.Begin(modified, r.Clock.Now(), before)
	var pending []rollout.Pending
	if err == nil {
		pending, err = rollout.Wait{
			Clock: r.Clock,
			Read: func() (v rollout.View, err error) {
				_, err = rollout.Persist(ctx, r.Clock, func() error {
					v, err = rollout.ReadProxies(ctx, r.Client, plan.Mesh.ValueString())
					return err
				})
				return v, err
			},
			Judge:  func(v rollout.View) []rollout.Pending { return proxies.Judge(r.Clock.Now(), v) },
			Report: func(int, int) {},
		}.Run(ctx, timing.Judge)
	}
	if err != nil && len(pending) == 0 {
		pending = []rollout.Pending{{Name: "control plane", Why: err.Error()}}
	}
	if len(pending) > 0 {
		diags.AddAttributeWarning(path.Root("selector"), "Proxies lack certificates of identity", fmt.Sprintf(
			"%s selects these proxies, and the control plane does not show that each has its certificate:\n\n  %s\n\nCheck their logs and their connection to the "+
				"control plane. With the default path of spiffe_id, a Dataplane needs the label kuma.io/workload. Wait until the data source kongmesh_dataplanes shows the identity for all of them before you remove an mTLS backend.",
			plan.String(), rollout.Describe(pending)))
	}
}

// announce creates an identity without a provider, so that MeshServices list the
// SPIFFE IDs of the selected proxies before those get them. Of equal selectors
// the first name counts, so its name is after all others. It returns the name.
func (r *meshIdentity) announce(ctx context.Context, plan model) (string, error) {
	mesh := plan.Mesh.ValueString()
	identities, err := r.Client.Objects(ctx, kuma.MeshIdentityKey(mesh, "").Type, mesh)
	if err != nil {
		return "", err
	}
	suffix := announcementSuffix(plan.Name.ValueString())
	last := plan.Name.ValueString()
	for _, identity := range identities {
		name, err := identity.Name()
		switch {
		case err != nil:
			return "", err
		case strings.HasSuffix(name, suffix): // of an interrupted run
			return name, nil
		}
		last = max(last, name)
	}
	name := last[:min(len(last), kuma.MaxSecretName-len(suffix))] + suffix
	_, _, err = r.Client.WriteObject(ctx, kuma.MeshIdentityKey(mesh, name), nil, func(document *kuma.Document) error {
		if err := r.Parts().Edit(document, plan.content().Values); err != nil {
			return err
		}
		return document.EditObject("spec", func(spec *kuma.Document) error {
			spec.Delete("provider")
			return nil
		})
	})
	return name, err
}

// announcementSuffix returns the end of the name of the announcement of an
// identity.
func announcementSuffix(identity string) string {
	const digits = 10
	sum := sha256.Sum256([]byte(identity))
	return interimInfix + hex.EncodeToString(sum[:])[:digits]
}

// planMove says during plan how connected proxies get to an identity.
func (r *meshIdentity) planMove(ctx context.Context, plan model, diags *diag.Diagnostics) {
	if r.Client == nil || !plan.HasKnownNames() || !known(plan.Selector) || plan.Bundled.IsUnknown() {
		return
	}
	current := r.Peek(ctx, r.Of(plan.Envelope), kuma.Recent)
	proxies, anonymous, err := r.newcomers(ctx, current, plan, kuma.Recent)
	if err != nil || len(proxies) == 0 {
		return
	}
	how, announces := "", ""
	if anonymous {
		announces = "announces the SPIFFE IDs, "
		how = " None of them has an identity yet. Without a MeshTLS policy, a proxy with an identity accepts only mTLS: if clients outside the mesh send plain " +
			"text, first create a MeshTLS with mode Permissive. Their SPIFFE IDs change: policies that name SPIFFE IDs need both forms meanwhile."
	}
	diags.AddAttributeWarning(path.Root("selector"), "Proxies move to identity", fmt.Sprintf(
		"%s selects %s. They get no certificate from it yet. The provider %sprepares the identity, selects the proxies once it is "+
			"ready, and waits until each has its certificate: about 45s in total.%s",
		plan.String(), tfkit.Proxies(proxies), announces, how))
}
