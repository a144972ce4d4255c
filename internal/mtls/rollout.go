package mtls

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
)

const (
	overlap = "overlap"
	direct  = "switch"

	report = "report"
	wait   = "wait"

	// secretsSettle is how long secrets are there before a mesh names them: the
	// control plane's view of them is up to a second old, and a global one passes
	// them on to its zones first.
	secretsSettle = 2 * time.Second
	pollEvery     = time.Second
)

type rolloutModel struct {
	Strategy       types.String `tfsdk:"strategy"`
	OfflineProxies types.String `tfsdk:"offline_proxies"`
}

func (m model) strategy() string {
	if m.Rollout == nil || m.Rollout.Strategy.IsNull() {
		return overlap
	}
	return m.Rollout.Strategy.ValueString()
}

func (m model) offlineProxies() string {
	if m.Rollout == nil || m.Rollout.OfflineProxies.IsNull() {
		return report
	}
	return m.Rollout.OfflineProxies.ValueString()
}

// A rollout brings a mesh from the pair that it uses to another one while its
// proxies go on talking to one another. Nothing of it is remembered: what the
// mesh names tells where it stands.
type rollout struct {
	*backend
	plan   model
	diags  *diag.Diagnostics
	global bool

	current kuma.Backend // as the mesh has it now
	from    pair         // what it uses now
	to      pair
}

// otherCA tells whether the backend gets another CA while it is in use, so that
// proxies may notice. current is the backend as the mesh has it.
func otherCA(mesh *kuma.Mesh, plan model) (current kuma.Backend, is bool, err error) {
	current, there, err := mesh.Backend(plan.Name.ValueString())
	if err != nil {
		return current, false, err
	}
	enabled, err := mesh.EnabledBackend()
	wanted := plan.document()
	return current, there && enabled == wanted.Name && plan.Enabled.ValueBool() && plan.strategy() == overlap &&
		(current.Cert != wanted.Cert || current.Key != wanted.Key), err
}

// rollOut changes the backend in steps, if proxies would notice. done is false
// when one write does.
func (r *backend) rollOut(ctx context.Context, plan model, current kuma.Backend, diags *diag.Diagnostics) (mesh *kuma.Mesh, done bool, err error) {
	name, wanted := plan.Mesh.ValueString(), plan.document()
	proxies, err := r.Client.Dataplanes(ctx, name)
	if err != nil {
		return nil, false, err
	}
	if online(proxies) == 0 {
		if !kuma.IsStepSecret(current.Cert.Secret) {
			return nil, false, nil
		}
		mesh, err := r.finish(ctx, plan)
		return mesh, true, err
	}
	if current.Cert.Secret == "" || current.Key.Secret == "" || wanted.Cert.Secret == "" || wanted.Key.Secret == "" {
		diags.AddAttributeWarning(path.Root("cert"), "CA switched in one step", fmt.Sprintf(
			"Mesh %q has %d online proxies, and its CA is not changed from one pair of secrets to another. It was switched in one write: until all proxies had the new CA, "+
				"some refused one another. Upload CAs with kongmesh_mesh_ca_secret to have them rolled out in steps.", name, online(proxies)))
		return nil, false, nil
	}
	ro := &rollout{backend: r, plan: plan, diags: diags, global: r.Client.Global(ctx), current: current}
	if ro.to, err = r.pairOf(ctx, name, wanted); err != nil {
		if plan.SkipValidation.ValueBool() { // then it may be anything
			return nil, false, nil
		}
		return nil, false, err
	}
	ro.from, err = r.pairOf(ctx, name, current)
	if unreadable := (*unreadableError)(nil); err != nil && !kuma.Absent(err) && !errors.As(err, &unreadable) {
		return nil, false, err // it may be there: a switch in one write would hurt
	}
	if err != nil {
		diags.AddAttributeWarning(path.Root("cert"), "CA switched in one step", fmt.Sprintf(
			"The pair that mesh %q used until now could not be read, so it could not be kept for a while beside the new one: %s. "+
				"It was switched in one write: until all proxies had the new CA, some refused one another. There is nothing to do now: the data source kongmesh_dataplanes shows which proxies have it.", name, err))
		return nil, false, nil
	}
	if !ro.interrupted() && len(remaining(ro.from, ro.to)) == 1 {
		return nil, false, nil // certificates of both pairs pass everywhere
	}
	mesh, err = ro.run(ctx)
	return mesh, true, err
}

// finish ends a rollout that was interrupted, when no proxy is online that
// would notice.
func (r *backend) finish(ctx context.Context, plan model) (*kuma.Mesh, error) {
	mesh, err := r.update(ctx, plan, func(mesh *kuma.Mesh) error { return edit(plan, mesh) })
	if err != nil {
		return mesh, err
	}
	left, err := r.Client.Unsettled(ctx, mesh)
	if err != nil {
		return mesh, err
	}
	if err := r.Clock.Sleep(ctx, left); err != nil {
		return mesh, err
	}
	return mesh, r.Client.DeleteUnusedSteps(ctx, plan.Mesh.ValueString(), mesh)
}

// unreadableError is a secret whose content is no certificates, or no base64.
type unreadableError struct{ error }

// pairOf reads the pair that a backend names.
func (r *backend) pairOf(ctx context.Context, mesh string, b kuma.Backend) (pair, error) {
	var texts [2][]byte
	for i, name := range []string{b.Cert.Secret, b.Key.Secret} {
		secret, err := r.Client.Secret(ctx, mesh, name)
		if err != nil {
			return pair{}, err
		}
		if texts[i], err = secret.Data(); err != nil { // not quoted: it may hold a part of the key
			return pair{}, &unreadableError{fmt.Errorf("secret %q cannot be read", name)}
		}
	}
	certificates, problems := pki.ParseCertificates(texts[0])
	if err := problems.Err(); err != nil {
		return pair{}, &unreadableError{err}
	}
	return pair{bundle: certificates, key: texts[1]}, nil
}

// interrupted tells that the mesh is in the middle of a rollout.
func (ro *rollout) interrupted() bool { return kuma.IsStepSecret(ro.current.Cert.Secret) }

func (ro *rollout) run(ctx context.Context) (*kuma.Mesh, error) {
	if ro.interrupted() {
		// Who got the pair of the step that was interrupted is not known. The same
		// once more, under other names, makes the control plane issue anew.
		if _, err := ro.put(ctx, "resumed", ro.from); err != nil {
			return nil, err
		}
	}
	for {
		s := next(ro.from, ro.to)
		target := s.at(ro.from, ro.to)
		mesh, err := ro.put(ctx, s, target)
		if err != nil {
			return nil, err
		}
		ro.from = target
		if s == stepFinal {
			// What the steps left is not needed any more: the proof took longer than
			// a pair has to stay.
			return mesh, ro.Client.DeleteUnusedSteps(ctx, ro.plan.Mesh.ValueString(), mesh)
		}
	}
}

// put is one step: its pair is uploaded under names of its own, one write of
// the mesh names it, and every online proxy is seen to have got it.
func (ro *rollout) put(ctx context.Context, s step, target pair) (*kuma.Mesh, error) {
	mesh, wanted := ro.plan.Mesh.ValueString(), ro.current
	if s == stepFinal {
		wanted = ro.plan.document()
	} else {
		wanted.Cert, wanted.Key = ro.names(target)
		if err := ro.upload(ctx, mesh, wanted, target); err != nil {
			return nil, ro.stopped(s, err.Error(), err)
		}
	}
	if err := ro.Clock.Sleep(ctx, secretsSettle); err != nil {
		return nil, ro.stopped(s, "the run was cancelled, or its time is up", err)
	}
	before, err := ro.Client.Dataplanes(ctx, mesh)
	if err != nil {
		return nil, ro.stopped(s, err.Error(), err)
	}
	was := ro.current
	changed, err := ro.update(ctx, ro.plan, func(m *kuma.Mesh) error {
		now, _, err := m.Backend(wanted.Name)
		switch {
		case err != nil:
			return err
		case now.Cert != was.Cert && now.Cert != wanted.Cert:
			return ro.stopped(s, fmt.Sprintf("the mesh names secret %q now, which is not of this rotation: somebody else changed the backend", now.Cert.Secret), nil)
		case s == stepFinal:
			return edit(ro.plan, m)
		}
		return m.SetBackend(wanted)
	})
	if stopped := (*stepError)(nil); err != nil && !errors.As(err, &stopped) {
		err = ro.stopped(s, err.Error(), err)
	}
	if err != nil {
		return nil, err
	}
	modified, err := changed.ModificationTime()
	if err != nil {
		return nil, ro.stopped(s, err.Error(), err)
	}
	ro.current = wanted
	return changed, ro.prove(ctx, s, write{modified, before})
}

// names are those of the secrets of a step. They depend on what the mesh names
// before, so that a step that is made again has other names.
func (ro *rollout) names(target pair) (cert, key kuma.DataSource) {
	hash := sha256.New()
	for _, c := range target.bundle {
		hash.Write(c.Raw)
	}
	hash.Write([]byte(ro.current.Cert.Secret))
	cert.Secret, key.Secret = kuma.StepSecrets(ro.plan.Name.ValueString(), hex.EncodeToString(hash.Sum(nil)))
	return cert, key
}

// upload writes the pair of a step.
func (ro *rollout) upload(ctx context.Context, mesh string, wanted kuma.Backend, target pair) error {
	if err := ro.Client.PutSecret(ctx, mesh, wanted.Cert.Secret, pki.EncodeCertificates(target.bundle), nil); err != nil {
		return err
	}
	return ro.Client.PutSecret(ctx, mesh, wanted.Key.Secret, target.key, nil)
}

// prove waits until every online proxy has what a step brought. It stops where
// going on would hurt.
func (ro *rollout) prove(ctx context.Context, s step, w write) error {
	mesh := ro.plan.Mesh.ValueString()
	started := ro.Clock.Now()
	pause := judgeAfter
	if ro.global {
		pause = judgeAfterGlobal
	}
	var left []waiting
	for {
		err := ro.Clock.Sleep(ctx, pause)
		pause = pollEvery
		var proxies []kuma.Dataplane
		var zones []string
		if err == nil {
			proxies, err = ro.Client.Dataplanes(ctx, mesh)
		}
		if err == nil && ro.global {
			zones, err = ro.Client.OfflineZones(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return ro.stopped(s, "the time that timeouts.update allows is up, or the run was cancelled."+describeWaiting(left), ctx.Err())
		case err != nil:
			return ro.stopped(s, err.Error(), err)
		}
		left = w.missing(proxies)
		for _, zone := range zones {
			left = append(left, waiting{name: "zone " + zone, why: "it is not connected to the global control plane"})
		}
		away := offline(proxies)
		if ro.plan.offlineProxies() == wait && s != stepFinal {
			for _, name := range away {
				left = append(left, waiting{name: name, why: "it is offline, and offline_proxies is \"wait\""})
			}
		}
		if len(left) == 0 {
			if len(away) > 0 && s == stepIssue {
				ro.diags.AddAttributeWarning(path.Root("rollout"), "Proxies were offline during the rotation", fmt.Sprintf(
					"%s did not get the new CA while it was rolled out to mesh %q. They get it as soon as they connect; until then other proxies refuse them, and they refuse others. "+
						"To wait for them, set offline_proxies = \"wait\" in rollout.", some(away), mesh))
			}
			return nil
		}
		if slices.ContainsFunc(left, func(w waiting) bool { return w.rejects }) && ro.Clock.Now().Sub(started) >= rejecting {
			return ro.stopped(s, "a proxy does not take what it is sent."+describeWaiting(left), nil)
		}
	}
}

func describeWaiting(left []waiting) string {
	if len(left) == 0 {
		return ""
	}
	lines := make([]string, len(left))
	for i, w := range left {
		lines[i] = fmt.Sprintf("%s: %s", w.name, w.why)
	}
	const most = 10
	if len(lines) > most {
		lines = append(lines[:most], fmt.Sprintf("and %d more", len(left)-most))
	}
	return " Not done yet:\n  " + strings.Join(lines, "\n  ")
}

// A stepError stops a rollout where it is safe.
type stepError struct {
	step  step
	why   string
	state string // of the mesh
	err   error
}

func (e *stepError) Error() string { return fmt.Sprintf("step %q: %s", e.step, e.why) }
func (e *stepError) Unwrap() error { return e.err }

func (ro *rollout) stopped(s step, why string, err error) *stepError {
	state := "The mesh still uses the CA before."
	switch {
	case ro.current.Cert == ro.plan.document().Cert:
		state = "The mesh uses the new CA."
	case ro.interrupted():
		state = "The mesh trusts both CAs now, so that no proxy refuses another because of the rotation."
	}
	return &stepError{s, why, state, err}
}

// addStepError says where a rollout stopped and what there is to do.
func addStepError(diags *diag.Diagnostics, m model, err *stepError) {
	diags.AddAttributeError(path.Root("cert"), "Rotation of the CA stopped", fmt.Sprintf(
		"The rotation of backend %q in mesh %q stopped at step %q: %s\n\n%s Put right what is named above, and apply again: it goes on from where it is. "+
			"A proxy that is gone for good can be deleted from the control plane. To go back, apply with the CA before.",
		m.Name.ValueString(), m.Mesh.ValueString(), err.step, err.why, err.state))
}

// planRollout says beforehand how the CA will change.
func (r *backend) planRollout(ctx context.Context, state, plan model, diags *diag.Diagnostics) {
	if r.Client == nil || !state.Enabled.ValueBool() || !plan.Enabled.ValueBool() || plan.Enabled.IsUnknown() || plan.strategy() != overlap ||
		plan.Mesh.IsUnknown() || state.Cert == nil || state.Cert.Secret.IsNull() || *plan.Cert == *state.Cert && *plan.Key == *state.Key {
		return
	}
	name := state.Mesh.ValueString()
	proxies, err := r.Client.Dataplanes(ctx, name)
	if err != nil || online(proxies) == 0 {
		return // the apply says what is wrong
	}
	from, err := r.pairOf(ctx, name, state.document())
	if err != nil {
		return
	}
	where := fmt.Sprintf("Mesh %q has %d proxies online and %d offline.", name, online(proxies), len(offline(proxies)))
	if kuma.IsStepSecret(state.Cert.Secret.ValueString()) {
		where += " A rotation was interrupted: the mesh is between two CAs, which is safe, and this run goes on from there."
	}
	steps := []step{stepTrust, stepIssue, stepFinal}
	how := "up to 3 steps (trust both CAs, issue from the new one, drop the old one)"
	if to, err := r.pairOf(ctx, name, plan.document()); err == nil {
		steps = remaining(from, to)
		how = fmt.Sprintf("%d steps: %s", len(steps), joinSteps(steps))
		if len(steps) == 1 && !kuma.IsStepSecret(state.Cert.Secret.ValueString()) {
			return // nobody notices anything
		}
	}
	issuer := from.issuer()
	diags.AddAttributeWarning(path.Root("cert"), "CA is rotated in steps", fmt.Sprintf(
		"%s The CA changes in %s, and each waits until every online proxy has got it: %s at least in all. The CA before, %s, must be valid until the last step; it ends on %s.",
		where, how, leastTime(len(steps), online(proxies)), issuer.Subject, issuer.NotAfter.UTC().Format(time.RFC3339)))
	var longer []string
	for _, proxy := range proxies {
		if proxy.Online && proxy.Certificate != nil && proxy.Certificate.Expires.After(issuer.NotAfter) {
			longer = append(longer, proxy.Name)
		}
	}
	if len(longer) > 0 {
		diags.AddAttributeWarning(path.Root("cert"), "Certificates outlive their CA", fmt.Sprintf(
			"The CA before ends on %s, before the certificates of %s that it issued. They are refused from then on: rotate before that.",
			issuer.NotAfter.UTC().Format(time.RFC3339), some(longer)))
	}
}

// leastTime is how long a rollout takes at least: the waits of its steps, and
// about 25 certificates a second that a control plane on two cores makes.
func leastTime(steps, proxies int) time.Duration {
	return time.Duration(steps) * (secretsSettle + judgeAfter + time.Duration(proxies/25)*time.Second)
}

func joinSteps(steps []step) string {
	names := make([]string, len(steps))
	for i, s := range steps {
		names[i] = string(s)
	}
	return strings.Join(names, ", ")
}
