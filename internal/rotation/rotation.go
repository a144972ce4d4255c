// Package rotation replaces the CA that a document of the control plane names,
// a backend of a mesh or a MeshIdentity, while its proxies continue to
// communicate, and says during plan what that will do.
package rotation

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/rollout"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// mostRestarts is the maximum number of restarts of a rotation from a CA that
// another client made the document name.
const mostRestarts = 3

// A Document names the secrets of a CA that issues certificates to proxies.
type Document interface {
	// View reads the status of the mesh, and which CA the document uses.
	View(ctx context.Context) (rollout.View, Use, error)
	// Prepare makes what a step needs besides the CA secrets before the document
	// changes, and returns how long that must exist before.
	Prepare(ctx context.Context, s rollout.Step, target pki.Bundle) (time.Duration, error)
	// Write changes the document in one write to CA secrets, or in the last step to
	// the configuration. check gets what it uses just before, and can stop the
	// write. It returns the modification time of the document after that.
	Write(ctx context.Context, s rollout.Step, secrets rollout.CASecrets, check func(Use) error) (time.Time, error)
	// CleanUp deletes what the last step has made superfluous.
	CleanUp(ctx context.Context) error
}

// A Use is the CA that a document uses.
type Use struct {
	rollout.CASecrets
	// Ended says why the document issues no certificates any more, "" if it does.
	Ended string
}

// A Rotation replaces the CA of a document. It stores no progress: the names of
// the secrets in the document show where it stopped.
type Rotation struct {
	tfkit.ProviderData
	Document Document
	// What is the document for a message, such as `backend "ca-1" of mesh "m"`.
	What string
	// Mesh and Name are those of the document.
	Mesh, Name string
	// Configured are the secrets in the configuration, From and To the current CA
	// and the one in the configuration.
	Configured rollout.CASecrets
	From, To   rollout.CA
	// At is the attribute of the CA.
	At      path.Path
	Timing  rollout.Timing
	Proxies rollout.Proxies
	// Apart reports whether the CAs that proxies trust are in documents of their own,
	// which Prepare writes. The control plane then may go on issuing from the previous
	// CA after a write that names the new one, so that this step is repeated
	// (contract, identity rotation 1).
	Apart bool

	began, current rollout.CASecrets
	passed         []string // certificate secrets that the document has named, each after all proxies had the one before
}

// Read reads the CA that the document uses now, and that in the configuration.
// inSteps is false if one write is enough, because proxies accept certificates
// of both, or if the current CA is lost. It may add an error.
func (ro *Rotation) Read(ctx context.Context, now rollout.CASecrets, diags *diag.Diagnostics) (inSteps bool, err error) {
	if ro.To, err = ro.readCA(ctx, ro.Configured); err != nil {
		return false, err
	}
	ro.From, err = ro.readCA(ctx, now)
	switch unreadable := (*UnreadableError)(nil); {
	case kuma.Absent(err), errors.As(err, &unreadable):
		diags.AddAttributeWarning(ro.At, "CA switched in one write", fmt.Sprintf(
			"The provider could not read the CA secret that mesh %q used until now (%s), so proxies could not trust both "+
				"CAs for a while. Until all proxies had the new CA, some handshakes failed. The data source "+
				"kongmesh_dataplanes shows which proxies have it.", ro.Mesh, err))
		return false, nil
	case err != nil: // it may exist: a switch in one write would break connections
		return false, err
	}
	if !Interrupted(now) && len(rollout.Remaining(ro.From, ro.To)) == 1 {
		return false, nil
	}
	tfkit.AddProblems(diags, ro.At, pki.CheckOverlap(ro.From.Bundle, ro.To.Bundle))
	return true, nil
}

// Run replaces the CA that the document uses now, step by step.
func (ro *Rotation) Run(ctx context.Context, now rollout.CASecrets, diags *diag.Diagnostics) error {
	ro.began, ro.current = now, now
	// It is unknown which proxies have the result of an interrupted step.
	// Repeating it under other names makes the control plane issue again.
	repeat := Interrupted(now)
	for restarts := 0; ; {
		s := rollout.Next(ro.From, ro.To)
		if repeat {
			s = rollout.Repeat
		}
		target := s.At(ro.From, ro.To)
		err := ro.step(ctx, s, target)
		if changed := (*changedError)(nil); errors.As(err, &changed) {
			if restarts == mostRestarts {
				return ro.contended(s, changed)
			}
			restarts++
			if repeat, err = ro.restart(ctx, s, changed); err == nil {
				continue
			}
		}
		if err != nil {
			return err
		}
		ro.From, repeat = target, ro.Apart && s == rollout.Issue
		if s == rollout.Final {
			ro.reportMissed(diags)
			return ro.Document.CleanUp(ctx)
		}
	}
}

// Interrupted reports whether a document that uses these secrets is between two
// steps of a rotation.
func Interrupted(now rollout.CASecrets) bool { return rollout.IsStepSecret(now.Certificate) }

// A changedError reports a document that uses another CA than the rotation
// wrote, because another client has written it.
type changedError struct{ now Use }

func (e *changedError) Error() string {
	if e.now.Ended != "" {
		return "another client " + e.now.Ended
	}
	return fmt.Sprintf("another client changed the CA, which is now in the secret %q", e.now.Certificate)
}

// check returns a *changedError unless the document uses one of these
// certificates.
func check(now Use, certificates ...string) error {
	if now.Ended != "" || !slices.Contains(certificates, now.Certificate) {
		return &changedError{now}
	}
	return nil
}

// restart continues from the CA that another client made the document use, if
// it belongs to this rotation. If some proxies may not have that one, repeat is
// true.
func (ro *Rotation) restart(ctx context.Context, s rollout.Step, changed *changedError) (repeat bool, err error) {
	now := changed.now
	passed := slices.Contains(ro.passed, now.Certificate)
	ro.current = now.CASecrets
	switch ours := passed || Interrupted(now.CASecrets) || now.CASecrets == ro.Configured; {
	case now.Ended != "":
		return false, ro.stopped(s, changed.Error()+".", changed)
	case !ours:
		return false, ro.stopped(s, changed.Error()+", which is not part of this rotation.", changed)
	}
	if ro.From, err = ro.readCA(ctx, now.CASecrets); err != nil {
		return false, ro.stopped(s, err.Error(), err)
	}
	tflog.Warn(ctx, "CA rotation restarts from the CA that another client set", ro.fields(s))
	return !passed, nil
}

// contended returns the error for a rotation that other clients repeatedly
// interfere with.
func (ro *Rotation) contended(s rollout.Step, changed *changedError) *StoppedError {
	ro.current = changed.now.CASecrets
	return ro.stopped(s, fmt.Sprintf("other clients changed the CA %d times during the rotation, and it is now in the "+
		"secret %q. Another run perhaps rotates the CA of this mesh at the same time. Wait until it ends.",
		mostRestarts+1, changed.now.Certificate), changed)
}

// step runs one step: it uploads the CA under interim names, makes the document
// use it with one write, and waits until every proxy has the result.
func (ro *Rotation) step(ctx context.Context, s rollout.Step, target rollout.CA) error {
	wanted, interim := ro.Configured, rollout.CASecrets{}
	if s != rollout.Final {
		interim = ro.names(target)
		wanted = interim
	}
	earlier, before := rollout.View{}, rollout.View{}
	var err error
	if ro.Apart && (s == rollout.Trust || s == rollout.Repeat) { // what Prepare writes already reaches proxies
		if earlier, err = ro.view(ctx, s); err != nil {
			return err
		}
	}
	var pause time.Duration
	if err = ro.persist(ctx, s, func() (err error) {
		if pause, err = ro.Document.Prepare(ctx, s, target.Bundle); err == nil && s != rollout.Final {
			err = ro.upload(ctx, interim, target)
		}
		return err
	}); err != nil {
		return err
	}
	if err = ro.Clock.Sleep(ctx, max(pause, ro.Timing.Secrets)); err != nil {
		return ro.ended(s, err, nil)
	}
	if before, err = ro.view(ctx, s); err != nil {
		return err
	}
	var modified time.Time
	if err = ro.persist(ctx, s, func() (err error) {
		modified, err = ro.Document.Write(ctx, s, interim, func(now Use) error {
			return check(now, ro.current.Certificate, wanted.Certificate)
		})
		return err
	}); err != nil {
		return err
	}
	if !slices.Contains(ro.passed, ro.current.Certificate) {
		ro.passed = append(ro.passed, ro.current.Certificate)
	}
	ro.current = wanted
	ro.Proxies.Begin(modified, ro.Clock.Now(), before.CountingFrom(earlier))
	if s == rollout.Final && ro.Apart { // every proxy has the new CA, under another name
		return nil
	}
	return ro.waitForProxies(ctx, s)
}

// readCA reads the CA in two secrets. The error is an *[UnreadableError] if they
// are not one.
func (ro *Rotation) readCA(ctx context.Context, secrets rollout.CASecrets) (rollout.CA, error) {
	ca, err := ReadCA(ctx, ro.Client, ro.Mesh, secrets)
	ca.Apart = ro.Apart
	return ca, err
}

// upload writes a CA to two secrets. They contain only what proxies need from them.
func (ro *Rotation) upload(ctx context.Context, secrets rollout.CASecrets, ca rollout.CA) error {
	if ro.Apart {
		ca.Bundle.Trusted = nil
	}
	if err := ro.Client.PutSecret(ctx, ro.Mesh, secrets.Certificate, ca.Bundle.Encode(), nil); err != nil {
		return err
	}
	return ro.Client.PutSecret(ctx, ro.Mesh, secrets.Key, ca.Key, nil)
}

// names returns the names of the secrets of a step. They depend on the current
// names in the document, so a repeated step has other names.
func (ro *Rotation) names(target rollout.CA) rollout.CASecrets {
	hash := sha256.New()
	for _, c := range target.Bundle.Certificates() {
		hash.Write(c.Raw)
	}
	hash.Write([]byte(ro.current.Certificate))
	fingerprint := hex.EncodeToString(hash.Sum(nil))
	if ro.Kubernetes {
		fingerprint = rollout.InNamespace(fingerprint, ro.Mesh)
	}
	certificate, key := rollout.StepSecrets(ro.Name, fingerprint)
	return rollout.CASecrets{Certificate: certificate, Key: key}
}

// view reads the status of the mesh at one moment.
func (ro *Rotation) view(ctx context.Context, s rollout.Step) (v rollout.View, err error) {
	err = ro.persist(ctx, s, func() error {
		v, _, err = ro.Document.View(ctx)
		return err
	})
	return v, err
}

// persist calls [rollout.Persist], and returns the error of a step.
func (ro *Rotation) persist(ctx context.Context, s rollout.Step, do func() error) error {
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
func (ro *Rotation) waitForProxies(ctx context.Context, s rollout.Step) error {
	pending, err := rollout.Wait{
		Clock: ro.Clock,
		Read: func() (v rollout.View, err error) {
			err = ro.persist(ctx, s, func() error {
				var now Use
				if v, now, err = ro.Document.View(ctx); err != nil {
					return err
				}
				return check(now, ro.current.Certificate)
			})
			return v, err
		},
		Judge: func(v rollout.View) []rollout.Pending { return ro.Proxies.Judge(ro.Clock.Now(), v) },
		Report: func(done, total int) {
			fields := ro.fields(s)
			fields["done"], fields["proxies"] = done, total
			tflog.Info(ctx, "CA rotation waits for proxies", fields)
		},
	}.Run(ctx, ro.Timing.Judge)
	changed, stopped := (*changedError)(nil), (*StoppedError)(nil)
	switch {
	case errors.As(err, &changed), errors.As(err, &stopped):
		return err
	case err != nil:
		return ro.ended(s, err, pending)
	case len(pending) > 0:
		return ro.stopped(s, "a proxy rejects its new certificate."+describePending(pending), nil)
	}
	if s != rollout.Final { // a proxy with the result of the step before the last one misses nothing
		ro.Proxies.Pass()
	}
	return nil
}

// fields returns the log fields of a step.
func (ro *Rotation) fields(s rollout.Step) map[string]any {
	return map[string]any{"mesh": ro.Mesh, "name": ro.Name, "step": string(s), "secret": ro.current.Certificate}
}

// reportMissed warns of the proxies that were disconnected during a step.
func (ro *Rotation) reportMissed(diags *diag.Diagnostics) {
	missed := ro.Proxies.Missed()
	if len(missed) == 0 {
		return
	}
	diags.AddAttributeWarning(path.Root("rollout"), "Proxies missed the rotation", fmt.Sprintf(
		"These proxies of mesh %q were disconnected during a step of the CA rotation, or reconnected too often to get a "+
			"certificate: %s. Each one gets the new CA when it reconnects and stays connected. Until then, its handshakes fail. To wait for disconnected proxies, set offline_proxies = "+
			`"wait" in rollout.`, ro.Mesh, listPending(missed)))
}

// A StoppedError stops a rotation in a safe state.
type StoppedError struct {
	step  rollout.Step
	why   string
	state string // of the mesh
	what  string // the document
	at    path.Path
	err   error
}

func (e *StoppedError) Error() string { return fmt.Sprintf("step %q: %s", e.step, e.why) }
func (e *StoppedError) Unwrap() error { return e.err }

// ended returns the error for a rotation whose context is done.
func (ro *Rotation) ended(s rollout.Step, err error, pending []rollout.Pending) *StoppedError {
	why := "the run was cancelled."
	if errors.Is(err, context.DeadlineExceeded) {
		why = "it did not finish within timeouts.update."
	}
	return ro.stopped(s, why+describePending(pending), err)
}

func (ro *Rotation) stopped(s rollout.Step, why string, err error) *StoppedError {
	state := ""
	switch {
	case ro.current == ro.Configured:
		state = "The mesh uses the new CA. "
	case Interrupted(ro.current):
		state = "The mesh trusts both the current and the new CA, so the rotation causes no failed handshakes. "
	case ro.current == ro.began:
		state = "The mesh still uses the current CA. "
	}
	return &StoppedError{s, why, state, ro.What, ro.At, err}
}

// Add adds the error, with advice.
func (e *StoppedError) Add(diags *diag.Diagnostics) {
	diags.AddAttributeError(e.at, "CA rotation stopped", fmt.Sprintf(
		"The CA rotation of %s stopped at step %q: %s\n\n"+
			"%sFix the problem and apply again: the rotation resumes where it stopped. If a proxy is gone for good, delete "+
			"it from the control plane. To roll back, apply with the previous CA.",
		e.what, e.step, e.why, e.state))
}
