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

	// mostRestarts is the maximum number of restarts of a rotation from a CA
	// that another client made the mesh use.
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

// A rotation replaces the CA of a mesh while its proxies continue to
// communicate. It stores no progress: the secret names in the mesh show where
// it stopped.
type rotation struct {
	*backend
	plan    model
	diags   *diag.Diagnostics
	timing  rollout.Timing
	proxies rollout.Proxies

	began   kuma.Backend // the backend at the beginning
	current kuma.Backend // the current backend
	from    rollout.CA   // the current CA
	to      rollout.CA
	passed  []string // certificate secrets that the mesh has used, each after all proxies had the one before
}

// changesCA reports whether the backend gets another CA while it is in use, so
// that proxies may notice. current is the backend in the mesh.
func changesCA(mesh *kuma.Mesh, plan model) (current kuma.Backend, is bool, err error) {
	current, there, err := mesh.Backend(plan.Name.ValueString())
	if err != nil {
		return current, false, err
	}
	enabled, err := mesh.EnabledBackend()
	wanted := plan.document()
	return current, there && enabled == wanted.Name && plan.Enabled.ValueBool() && (current.Cert != wanted.Cert || current.Key != wanted.Key), err
}

// rotate changes the CA of the backend: in steps if proxies would notice,
// otherwise in one write.
func (r *backend) rotate(ctx context.Context, plan model, current kuma.Backend, diags *diag.Diagnostics) (*kuma.Mesh, error) {
	name, wanted := plan.Mesh.ValueString(), plan.document()
	proxies, err := r.Client.Dataplanes(ctx, name)
	if kuma.NoAddress(err) && plan.strategy() == strategySwitch {
		return r.switchCA(ctx, plan, current)
	}
	if err != nil {
		return nil, err
	}
	if len(proxies) == 0 || plan.strategy() == strategySwitch || !bothSecrets(current) || !bothSecrets(wanted) {
		return r.switchCA(ctx, plan, current)
	}
	ro := &rotation{backend: r, plan: plan, diags: diags, began: current, current: current}
	ro.timing = rollout.NewTiming(r.Client.Settings(ctx))
	ro.proxies = rollout.Proxies{Timing: ro.timing, WaitForOffline: plan.waitsForOffline(), TwoClocks: r.Client.TwoClocks()}
	if ro.to, err = r.readCA(ctx, name, wanted); err != nil {
		if plan.SkipValidation.ValueBool() { // then it may be anything
			return r.switchCA(ctx, plan, current)
		}
		return nil, err
	}
	ro.from, err = r.readCA(ctx, name, current)
	switch unreadable := (*unreadableError)(nil); {
	case kuma.Absent(err), errors.As(err, &unreadable):
		diags.AddAttributeWarning(path.Root("cert"), "CA switched in one write", fmt.Sprintf(
			"The provider could not read the CA secret that mesh %q used until now (%s), so proxies could not trust both "+
				"CAs for a while. Until all proxies had the new CA, some handshakes failed. The data source "+
				"kongmesh_dataplanes shows which proxies have it.", name, err))
		return r.switchCA(ctx, plan, current)
	case err != nil: // it may exist: a switch in one write would break connections
		return nil, err
	}
	if !ro.interrupted() && len(rollout.Remaining(ro.from, ro.to)) == 1 {
		return r.switchCA(ctx, plan, current) // proxies accept certificates of both CAs
	}
	if problems := pki.CheckOverlap(ro.from.Bundle, ro.to.Bundle); problems.HasErrors() {
		tfkit.AddProblems(diags, path.Root("cert"), problems)
		return nil, nil
	}
	return ro.run(ctx)
}

func bothSecrets(b kuma.Backend) bool { return b.Cert.Secret != "" && b.Key.Secret != "" }

// switchCA changes the CA in one write, and deletes the secrets of an
// interrupted rotation.
func (r *backend) switchCA(ctx context.Context, plan model, current kuma.Backend) (*kuma.Mesh, error) {
	mesh, err := r.update(ctx, plan, func(mesh *kuma.Mesh) error { return edit(plan, mesh) })
	if err != nil || !rollout.IsStepSecret(current.Cert.Secret) {
		return mesh, err
	}
	left, err := r.Client.TimeUntilDeletable(ctx, plan.Mesh.ValueString(), mesh, current.Cert.Secret, current.Key.Secret)
	if err != nil {
		return mesh, err
	}
	if err := r.Clock.Sleep(ctx, left); err != nil {
		return mesh, err
	}
	return mesh, r.deleteSteps(ctx, plan)
}

// deleteSteps deletes the interim CA secrets that the mesh does not use.
func (r *backend) deleteSteps(ctx context.Context, plan model) error {
	name := plan.Mesh.ValueString()
	mesh, err := r.Client.Mesh(ctx, name)
	if err != nil {
		return err
	}
	return rollout.DeleteUnusedSteps(ctx, r.Client, name, mesh)
}

// unreadableError reports a secret whose content is not certificates, or not
// base64.
type unreadableError struct{ error }

// readCA reads the CA that a backend uses.
func (r *backend) readCA(ctx context.Context, mesh string, b kuma.Backend) (rollout.CA, error) {
	var texts [2][]byte
	for i, name := range []string{b.Cert.Secret, b.Key.Secret} {
		secret, err := r.Client.Secret(ctx, mesh, name)
		if err != nil {
			return rollout.CA{}, err
		}
		if texts[i], err = secret.Data(); err != nil { // not quoted: it may contain a part of the key
			return rollout.CA{}, &unreadableError{fmt.Errorf("secret %q cannot be read", name)}
		}
	}
	bundle, problems := pki.ReadBundle(texts[0])
	if err := problems.Err(); err != nil {
		return rollout.CA{}, &unreadableError{err}
	}
	return rollout.CA{Bundle: bundle, Key: texts[1]}, nil
}

// interrupted reports whether the mesh is between two steps of a rotation.
func (ro *rotation) interrupted() bool { return rollout.IsStepSecret(ro.current.Cert.Secret) }

func (ro *rotation) run(ctx context.Context) (*kuma.Mesh, error) {
	// It is unknown which proxies have the result of an interrupted step.
	// Repeating it under other names makes the control plane issue again.
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
			// The wait took longer than the interim CA secrets have to stay.
			return mesh, ro.deleteSteps(ctx, ro.plan)
		}
	}
}

// A changedError reports a mesh that uses another CA than the rotation wrote,
// because another client has written the mesh.
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

// inUse returns the backend in a mesh. The error is a *changedError unless it
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

// restart continues from the CA that another client made the mesh use, if it
// belongs to this rotation. If some proxies may not have that one, repeat is
// true.
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
	if ro.from, err = ro.readCA(ctx, ro.plan.Mesh.ValueString(), now); err != nil {
		return false, ro.stopped(s, err.Error(), err)
	}
	tflog.Warn(ctx, "CA rotation restarts from the CA that another client set", ro.fields(s))
	return !passed, nil
}

// contended returns the error for a rotation that other clients repeatedly
// interfere with.
func (ro *rotation) contended(s rollout.Step, changed *changedError) *stepError {
	ro.current = changed.backend
	return ro.stopped(s, fmt.Sprintf("other clients changed the backend %d times during the rotation, and the mesh now uses the "+
		"secret %q. Another run perhaps rotates the CA of this mesh at the same time. Wait until it ends.",
		mostRestarts+1, changed.backend.Cert.Secret), changed)
}

// step runs one step: it uploads the CA under interim names, makes the mesh use
// it with one write, and waits until every proxy has the result.
func (ro *rotation) step(ctx context.Context, s rollout.Step, target rollout.CA) (*kuma.Mesh, error) {
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

// names returns the names of the secrets of a step. They depend on the current
// names in the mesh, so a repeated step has other names.
func (ro *rotation) names(target rollout.CA) (cert, key kuma.DataSource) {
	hash := sha256.New()
	for _, c := range target.Bundle.Certificates() {
		hash.Write(c.Raw)
	}
	hash.Write([]byte(ro.current.Cert.Secret))
	fingerprint := hex.EncodeToString(hash.Sum(nil))
	if ro.Kubernetes {
		fingerprint = rollout.InNamespace(fingerprint, ro.plan.Mesh.ValueString())
	}
	cert.Secret, key.Secret = rollout.StepSecrets(ro.plan.Name.ValueString(), fingerprint)
	return cert, key
}

// upload writes the CA secrets of a step.
func (ro *rotation) upload(ctx context.Context, mesh string, wanted kuma.Backend, target rollout.CA) error {
	if err := ro.Client.PutSecret(ctx, mesh, wanted.Cert.Secret, target.Bundle.Encode(), nil); err != nil {
		return err
	}
	return ro.Client.PutSecret(ctx, mesh, wanted.Key.Secret, target.Key, nil)
}

// readView reads the status of the mesh at one moment.
func (ro *rotation) readView(ctx context.Context, s rollout.Step) (v rollout.View, err error) {
	err = ro.persist(ctx, s, func() error {
		v, err = rollout.Read(ctx, ro.Client, ro.plan.Mesh.ValueString())
		return err
	})
	return v, err
}

// persist calls [rollout.Persist], and returns the error of a step.
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

// waitForProxies waits until every proxy has the result of a step. It returns
// an error if the next step would break connections.
func (ro *rotation) waitForProxies(ctx context.Context, s rollout.Step) error {
	pending, err := rollout.Wait{
		Clock: ro.Clock,
		Read: func() (rollout.View, error) {
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
	if s != rollout.Final { // a proxy with the result of the step before the last one misses nothing
		ro.proxies.Pass()
	}
	return nil
}

// fields returns the log fields of a step.
func (ro *rotation) fields(s rollout.Step) map[string]any {
	return map[string]any{"mesh": ro.plan.Mesh.ValueString(), "backend": ro.plan.Name.ValueString(), "step": string(s), "secret": ro.current.Cert.Secret}
}

// reportMissed warns of the proxies that were disconnected during a step.
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

// listPending lists proxies with the time at which each disconnected.
func listPending(pending []rollout.Pending) string {
	names := make([]string, 0, len(pending))
	for _, p := range pending {
		names = append(names, fmt.Sprintf("%s (since %s)", p.Name, utc(p.Since)))
	}
	return strings.Join(rollout.Some(names), ", ")
}

func utc(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// A stepError stops a rotation in a safe state.
type stepError struct {
	step  rollout.Step
	why   string
	state string // of the mesh
	err   error
}

func (e *stepError) Error() string { return fmt.Sprintf("step %q: %s", e.step, e.why) }
func (e *stepError) Unwrap() error { return e.err }

// ended returns the error for a rotation whose context is done.
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

// addStepError adds the error of a stopped rotation, with advice.
func addStepError(diags *diag.Diagnostics, m model, err *stepError) {
	diags.AddAttributeError(path.Root("cert"), "CA rotation stopped", fmt.Sprintf(
		"The CA rotation of backend %q in mesh %q stopped at step %q: %s\n\n"+
			"%sFix the problem and apply again: the rotation resumes where it stopped. If a proxy is gone for good, delete "+
			"it from the control plane. To roll back, apply with the previous CA.",
		m.Name.ValueString(), m.Mesh.ValueString(), err.step, err.why, err.state))
}
