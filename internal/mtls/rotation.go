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
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/rollout"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

const (
	strategyOverlap = "overlap"
	strategySwitch  = "switch"

	offlineReport = "report"
	offlineWait   = "wait"

	// mostRestarts is how often a rotation starts again from what somebody else
	// made the mesh use.
	mostRestarts = 3
)

type rolloutModel struct {
	Strategy       types.String `tfsdk:"strategy"`
	OfflineProxies types.String `tfsdk:"offline_proxies"`
}

func (m model) strategy() string {
	if m.Rollout == nil || m.Rollout.Strategy.IsNull() {
		return strategyOverlap
	}
	return m.Rollout.Strategy.ValueString()
}

func (m model) waitsForOffline() bool {
	return m.Rollout != nil && m.Rollout.OfflineProxies.ValueString() == offlineWait
}

// A rotation brings a mesh from the pair that it uses to another one while its
// proxies go on talking to one another. Nothing of it is remembered: what the
// mesh names tells where it stands.
type rotation struct {
	*backend
	plan    model
	diags   *diag.Diagnostics
	timing  rollout.Timing
	proxies rollout.Proxies

	began   kuma.Backend // as the mesh had it
	current kuma.Backend // as the mesh has it now
	from    rollout.Pair // what it uses now
	to      rollout.Pair
	passed  []string // certificate secrets that the mesh named, each after the one before was seen everywhere
}

// changesCA reports whether the backend gets another CA while it is in use, so
// that proxies may notice. current is the backend as the mesh has it.
func changesCA(mesh *kuma.Mesh, plan model) (current kuma.Backend, is bool, err error) {
	current, there, err := mesh.Backend(plan.Name.ValueString())
	if err != nil {
		return current, false, err
	}
	enabled, err := mesh.EnabledBackend()
	wanted := plan.document()
	return current, there && enabled == wanted.Name && plan.Enabled.ValueBool() && (current.Cert != wanted.Cert || current.Key != wanted.Key), err
}

// rotate changes the CA of the backend: in steps where proxies would notice, in
// one write where none can.
func (r *backend) rotate(ctx context.Context, plan model, current kuma.Backend, diags *diag.Diagnostics) (*kuma.Mesh, error) {
	name, wanted := plan.Mesh.ValueString(), plan.document()
	proxies, err := r.Client.Dataplanes(ctx, name)
	if err != nil {
		return nil, err
	}
	if len(proxies) == 0 || plan.strategy() == strategySwitch || !bothSecrets(current) || !bothSecrets(wanted) {
		return r.switchCA(ctx, plan, current)
	}
	ro := &rotation{backend: r, plan: plan, diags: diags, began: current, current: current}
	ro.timing = rollout.NewTiming(r.Client.Settings(ctx))
	ro.proxies = rollout.Proxies{Timing: ro.timing, WaitForOffline: plan.waitsForOffline()}
	if ro.to, err = r.pairOf(ctx, name, wanted); err != nil {
		if plan.SkipValidation.ValueBool() { // then it may be anything
			return r.switchCA(ctx, plan, current)
		}
		return nil, err
	}
	ro.from, err = r.pairOf(ctx, name, current)
	switch unreadable := (*unreadableError)(nil); {
	case kuma.Absent(err), errors.As(err, &unreadable):
		diags.AddAttributeWarning(path.Root("cert"), "CA switched in one write", fmt.Sprintf(
			"The provider could not read the CA secret that mesh %q used until now (%s), so proxies could not trust both "+
				"CAs for a while. Until all proxies had the new CA, some handshakes failed. The data source "+
				"kongmesh_dataplanes shows which proxies have it.", name, err))
		return r.switchCA(ctx, plan, current)
	case err != nil: // it may be there: a switch in one write would hurt
		return nil, err
	}
	if !ro.interrupted() && len(rollout.Remaining(ro.from, ro.to)) == 1 {
		return r.switchCA(ctx, plan, current) // certificates of both pairs pass everywhere
	}
	if problems := pki.CheckOverlap(ro.from.Bundle, ro.to.Bundle); problems.HasErrors() {
		tfkit.AddProblems(diags, path.Root("cert"), problems)
		return nil, nil
	}
	return ro.run(ctx)
}

func bothSecrets(b kuma.Backend) bool { return b.Cert.Secret != "" && b.Key.Secret != "" }

// switchCA changes the CA in one write, and deletes what an interrupted
// rotation left.
func (r *backend) switchCA(ctx context.Context, plan model, current kuma.Backend) (*kuma.Mesh, error) {
	mesh, err := r.update(ctx, plan, func(mesh *kuma.Mesh) error { return edit(plan, mesh) })
	if err != nil || !rollout.IsStepSecret(current.Cert.Secret) {
		return mesh, err
	}
	left, err := r.Client.Unsettled(ctx, plan.Mesh.ValueString(), mesh, current.Cert.Secret, current.Key.Secret)
	if err != nil {
		return mesh, err
	}
	if err := r.Clock.Sleep(ctx, left); err != nil {
		return mesh, err
	}
	return mesh, r.deleteSteps(ctx, plan)
}

// deleteSteps deletes the pairs between two CAs that the mesh, as it is now,
// does not use.
func (r *backend) deleteSteps(ctx context.Context, plan model) error {
	name := plan.Mesh.ValueString()
	mesh, err := r.Client.Mesh(ctx, name)
	if err != nil {
		return err
	}
	return rollout.DeleteUnusedSteps(ctx, r.Client, name, mesh)
}

// unreadableError is a secret whose content is no certificates, or no base64.
type unreadableError struct{ error }

// pairOf reads the pair that a backend names.
func (r *backend) pairOf(ctx context.Context, mesh string, b kuma.Backend) (rollout.Pair, error) {
	var texts [2][]byte
	for i, name := range []string{b.Cert.Secret, b.Key.Secret} {
		secret, err := r.Client.Secret(ctx, mesh, name)
		if err != nil {
			return rollout.Pair{}, err
		}
		if texts[i], err = secret.Data(); err != nil { // not quoted: it may hold a part of the key
			return rollout.Pair{}, &unreadableError{fmt.Errorf("secret %q cannot be read", name)}
		}
	}
	bundle, problems := pki.ReadBundle(texts[0])
	if err := problems.Err(); err != nil {
		return rollout.Pair{}, &unreadableError{err}
	}
	return rollout.Pair{Bundle: bundle, Key: texts[1]}, nil
}

// interrupted reports whether the mesh is in the middle of a rotation.
func (ro *rotation) interrupted() bool { return rollout.IsStepSecret(ro.current.Cert.Secret) }

func (ro *rotation) run(ctx context.Context) (*kuma.Mesh, error) {
	// Which proxies got the pair of an interrupted step is not known. The same once
	// more, under other names, makes the control plane issue anew.
	repeat := ro.interrupted()
	for restarts := 0; ; {
		s := rollout.Next(ro.from, ro.to)
		if repeat {
			s = rollout.Repeat
		}
		target := s.At(ro.from, ro.to)
		mesh, err := ro.step(ctx, s, target)
		if changed := (*changedError)(nil); errors.As(err, &changed) {
			if restarts == mostRestarts {
				return nil, ro.contended(s, changed)
			}
			restarts++
			if repeat, err = ro.restart(ctx, s, changed); err == nil {
				continue
			}
		}
		if err != nil {
			return nil, err
		}
		ro.from, repeat = target, false
		if s == rollout.Final {
			ro.reportMissed()
			// The proof took longer than the pairs of the steps have to stay.
			return mesh, ro.deleteSteps(ctx, ro.plan)
		}
	}
}

// A changedError is a mesh that names another pair than the rotation made it
// use: somebody else wrote it, by what they had read before perhaps.
type changedError struct {
	backend kuma.Backend
	enabled bool
}

func (e *changedError) Error() string {
	switch {
	case e.backend.Name == "":
		return "another client removed the backend from the mesh"
	case !e.enabled:
		return "another client turned mTLS off, or enabled another backend"
	}
	return fmt.Sprintf("another client changed the backend, and the mesh now uses the secret %q", e.backend.Cert.Secret)
}

// inUse reads the backend from a mesh. The error is a *changedError unless it
// is enabled and has one of these certificates.
func (ro *rotation) inUse(mesh *kuma.Mesh, certs ...kuma.DataSource) (kuma.Backend, error) {
	now, _, err := mesh.Backend(ro.plan.Name.ValueString())
	enabled, errEnabled := mesh.EnabledBackend()
	if err := errors.Join(err, errEnabled); err != nil {
		return now, err
	}
	if enabled != ro.plan.Name.ValueString() || !slices.Contains(certs, now.Cert) {
		return now, &changedError{now, enabled == now.Name}
	}
	return now, nil
}

// restart goes on from the pair that somebody else made the mesh use, if it is
// one of this rotation. One that all proxies were not seen to have must be seen
// first: repeat.
func (ro *rotation) restart(ctx context.Context, s rollout.Step, changed *changedError) (repeat bool, err error) {
	now := changed.backend
	passed := slices.Contains(ro.passed, now.Cert.Secret)
	ro.current = now
	switch ours := passed || rollout.IsStepSecret(now.Cert.Secret) || now.Cert == ro.plan.document().Cert; {
	case !changed.enabled:
		return false, ro.stopped(s, changed.Error()+".", changed)
	case !ours:
		return false, ro.stopped(s, changed.Error()+", which is not part of this rotation.", changed)
	}
	if ro.from, err = ro.pairOf(ctx, ro.plan.Mesh.ValueString(), now); err != nil {
		return false, ro.stopped(s, err.Error(), err)
	}
	tflog.Warn(ctx, "CA rotation restarts from the CA that another client set", ro.fields(s))
	return !passed, nil
}

// contended is the error for a rotation that other clients interfere with again
// and again.
func (ro *rotation) contended(s rollout.Step, changed *changedError) *stepError {
	ro.current = changed.backend
	return ro.stopped(s, fmt.Sprintf("other clients changed the backend %d times during the rotation, and the mesh now uses the "+
		"secret %q. Another run perhaps rotates the CA of this mesh at the same time. Wait until it ends.",
		mostRestarts+1, changed.backend.Cert.Secret), changed)
}

// step takes one step: its pair is uploaded under names of its own, one write
// of the mesh names it, and every proxy is seen to have got it.
func (ro *rotation) step(ctx context.Context, s rollout.Step, target rollout.Pair) (*kuma.Mesh, error) {
	mesh, wanted := ro.plan.Mesh.ValueString(), ro.current
	if s == rollout.Final {
		wanted = ro.plan.document()
	} else {
		wanted.Cert, wanted.Key = ro.names(target)
		if err := ro.persist(ctx, s, func() error { return ro.upload(ctx, mesh, wanted, target) }); err != nil {
			return nil, err
		}
	}
	if err := ro.Clock.Sleep(ctx, ro.timing.Secrets); err != nil {
		return nil, ro.ended(s, err, nil)
	}
	before, err := ro.readView(ctx, s)
	if err != nil {
		return nil, err
	}
	var changed *kuma.Mesh
	var modified time.Time
	err = ro.persist(ctx, s, func() error {
		changed, err = ro.update(ctx, ro.plan, func(m *kuma.Mesh) error {
			now, err := ro.inUse(m, ro.current.Cert, wanted.Cert)
			switch {
			case err != nil:
				return err
			case s == rollout.Final:
				return edit(ro.plan, m)
			}
			now.Cert, now.Key = wanted.Cert, wanted.Key
			return m.SetBackend(now)
		})
		if err == nil {
			modified, err = changed.ModificationTime()
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if !slices.Contains(ro.passed, ro.current.Cert.Secret) {
		ro.passed = append(ro.passed, ro.current.Cert.Secret)
	}
	ro.current = wanted
	ro.proxies.Begin(modified, ro.Clock.Now(), before)
	return changed, ro.waitForProxies(ctx, s)
}

// names are those of the secrets of a step. They depend on what the mesh names
// before, so that a step that is made again has other names.
func (ro *rotation) names(target rollout.Pair) (cert, key kuma.DataSource) {
	hash := sha256.New()
	for _, c := range target.Bundle.Certificates() {
		hash.Write(c.Raw)
	}
	hash.Write([]byte(ro.current.Cert.Secret))
	cert.Secret, key.Secret = rollout.StepSecrets(ro.plan.Name.ValueString(), hex.EncodeToString(hash.Sum(nil)))
	return cert, key
}

// upload writes the pair of a step.
func (ro *rotation) upload(ctx context.Context, mesh string, wanted kuma.Backend, target rollout.Pair) error {
	if err := ro.Client.PutSecret(ctx, mesh, wanted.Cert.Secret, target.Bundle.Encode(), nil); err != nil {
		return err
	}
	return ro.Client.PutSecret(ctx, mesh, wanted.Key.Secret, target.Key, nil)
}

// readView reads what the control plane shows at one moment.
func (ro *rotation) readView(ctx context.Context, s rollout.Step) (v rollout.View, err error) {
	err = ro.persist(ctx, s, func() error {
		v, err = rollout.Read(ctx, ro.Client, ro.plan.Mesh.ValueString())
		return err
	})
	return v, err
}

// persist is [rollout.Persist] with the errors of a step.
func (ro *rotation) persist(ctx context.Context, s rollout.Step, do func() error) error {
	silent, err := rollout.Persist(ctx, ro.Clock, do)
	changed := (*changedError)(nil)
	switch {
	case err == nil, errors.As(err, &changed):
		return err
	case ctx.Err() != nil:
		return ro.ended(s, ctx.Err(), silent)
	}
	return ro.stopped(s, err.Error(), err)
}

// waitForProxies waits until every proxy has what a step brought. It stops where
// going on would hurt.
func (ro *rotation) waitForProxies(ctx context.Context, s rollout.Step) error {
	pending, err := rollout.Wait{
		Clock: ro.Clock,
		Look: func() (rollout.View, error) {
			v, err := ro.readView(ctx, s)
			if err == nil {
				_, err = ro.inUse(v.Mesh, ro.current.Cert)
			}
			return v, err
		},
		Judge: func(v rollout.View) []rollout.Pending { return ro.proxies.Judge(ro.Clock.Now(), v) },
		Report: func(done, total int) {
			fields := ro.fields(s)
			fields["done"], fields["proxies"] = done, total
			tflog.Info(ctx, "CA rotation waits for proxies", fields)
		},
	}.Run(ctx, ro.timing.Judge)
	changed, stopped := (*changedError)(nil), (*stepError)(nil)
	switch {
	case errors.As(err, &changed), errors.As(err, &stopped):
		return err
	case err != nil:
		return ro.ended(s, err, pending)
	case len(pending) > 0:
		return ro.stopped(s, "a proxy rejects its new certificate."+describePending(pending), nil)
	}
	if s != rollout.Final { // a proxy that has what came before the last step misses nothing
		ro.proxies.Pass()
	}
	return nil
}

// fields are what the log says of a step.
func (ro *rotation) fields(s rollout.Step) map[string]any {
	return map[string]any{"mesh": ro.plan.Mesh.ValueString(), "backend": ro.plan.Name.ValueString(), "step": string(s), "secret": ro.current.Cert.Secret}
}

// reportMissed names the proxies that were not there while a step was taken.
func (ro *rotation) reportMissed() {
	missed := ro.proxies.Missed()
	if len(missed) == 0 {
		return
	}
	ro.diags.AddAttributeWarning(path.Root("rollout"), "Proxies missed the rotation", fmt.Sprintf(
		"These proxies of mesh %q were disconnected during a step of the CA rotation, or reconnected too often to get a "+
			"certificate: %s. Each one gets the new CA when it reconnects and stays connected. Until then, its handshakes fail. To wait for disconnected proxies, set offline_proxies = "+
			`"wait" in rollout.`, ro.plan.Mesh.ValueString(), listPending(missed)))
}

func describePending(pending []rollout.Pending) string {
	if len(pending) == 0 {
		return ""
	}
	return " Waiting for:\n  " + rollout.Describe(pending)
}

// listPending names proxies, and since when they are disconnected.
func listPending(pending []rollout.Pending) string {
	names := make([]string, 0, len(pending))
	for _, p := range pending {
		names = append(names, fmt.Sprintf("%s (since %s)", p.Name, utc(p.Since)))
	}
	return strings.Join(rollout.Some(names), ", ")
}

func utc(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// A stepError stops a rotation where it is safe.
type stepError struct {
	step  rollout.Step
	why   string
	state string // of the mesh
	err   error
}

func (e *stepError) Error() string { return fmt.Sprintf("step %q: %s", e.step, e.why) }
func (e *stepError) Unwrap() error { return e.err }

// ended is the error for a rotation whose context is done.
func (ro *rotation) ended(s rollout.Step, err error, pending []rollout.Pending) *stepError {
	why := "the run was cancelled."
	if errors.Is(err, context.DeadlineExceeded) {
		why = "it did not finish within timeouts.update."
	}
	return ro.stopped(s, why+describePending(pending), err)
}

func (ro *rotation) stopped(s rollout.Step, why string, err error) *stepError {
	state := ""
	switch {
	case ro.current.Cert == ro.plan.document().Cert:
		state = "The mesh uses the new CA. "
	case ro.interrupted():
		state = "The mesh trusts both the current and the new CA, so the rotation causes no failed handshakes. "
	case ro.current.Cert == ro.began.Cert:
		state = "The mesh still uses the current CA. "
	}
	return &stepError{s, why, state, err}
}

// addStepError says where a rotation stopped and what to do.
func addStepError(diags *diag.Diagnostics, m model, err *stepError) {
	diags.AddAttributeError(path.Root("cert"), "CA rotation stopped", fmt.Sprintf(
		"The CA rotation of backend %q in mesh %q stopped at step %q: %s\n\n"+
			"%sFix the problem and apply again: the rotation resumes where it stopped. If a proxy is gone for good, delete "+
			"it from the control plane. To roll back, apply with the previous CA.",
		m.Name.ValueString(), m.Mesh.ValueString(), err.step, err.why, err.state))
}
