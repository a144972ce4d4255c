// Package action has the actions of `action_trigger` blocks and `terraform
// apply -invoke` for the certificates of a mesh's proxies.
package action

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/action/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/rollout"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// defaultTimeout is enough for 200 proxies and one that reconnects.
const defaultTimeout = 10 * time.Minute

func meshAttribute() schema.Attribute {
	return schema.StringAttribute{
		MarkdownDescription: "Name of the mesh.",
		Required:            true,
		Validators:          []validator.String{tfkit.MeshReference()},
	}
}

func backendAttribute() schema.Attribute {
	return schema.StringAttribute{
		MarkdownDescription: "Name of the mTLS backend that must have issued the certificates. By default, any backend or MeshIdentity.",
		Optional:            true,
		Validators:          []validator.String{tfkit.Text()},
	}
}

// A session is the invocation of an action for one mesh.
type session struct {
	tfkit.ProviderData
	mesh     string
	limit    time.Duration // zero if there is none
	progress func(action.InvokeProgressEvent)
	diags    *diag.Diagnostics
}

// limited starts the timeout of timeouts.invoke.
func (s *session) limited(ctx context.Context, t timeouts.Value) (context.Context, context.CancelFunc) {
	limit, diags := t.Invoke(ctx, defaultTimeout)
	s.diags.Append(diags...)
	s.limit = limit
	return s.Clock.WithTimeout(ctx, limit)
}

func (s *session) report(format string, args ...any) {
	s.progress(action.InvokeProgressEvent{Message: fmt.Sprintf("Mesh %q: ", s.mesh) + fmt.Sprintf(format, args...)})
}

// timing returns how long the control plane takes to issue certificates, and to
// report them.
func (s *session) timing(ctx context.Context) rollout.Timing {
	return rollout.NewTiming(s.Client.Settings(ctx))
}

// persist calls [rollout.Persist], and returns the error of a wait.
func (s *session) persist(ctx context.Context, do func() error) error {
	silent, err := rollout.Persist(ctx, s.Clock, do)
	if len(silent) > 0 {
		return &pendingError{err, silent}
	}
	return err
}

// readView reads the mesh and its proxies, and retries while the control plane
// restarts.
func (s *session) readView(ctx context.Context) (v rollout.View, err error) {
	err = s.persist(ctx, func() error {
		v, err = rollout.Read(ctx, s.Client, s.mesh)
		return err
	})
	return v, err
}

// wait waits until judge returns no proxies, and reports each change of the
// number of proxies that are done. did says what these have: `have a
// certificate`.
func (s *session) wait(ctx context.Context, pause time.Duration, did string, judge func(rollout.View) []rollout.Pending) error {
	pending, err := rollout.Wait{
		Clock: s.Clock,
		Read:  func() (rollout.View, error) { return s.readView(ctx) },
		Judge: judge,
		Report: func(done, total int) {
			if total == 0 {
				s.report("no proxy is connected")
				return
			}
			s.report("%d of %d connected proxies %s", done, total, did)
		},
	}.Run(ctx, pause)
	ended := (*pendingError)(nil)
	if err == nil && len(pending) == 0 || errors.As(err, &ended) {
		return err
	}
	return &pendingError{err, pending}
}

// A pendingError reports a wait that ended while proxies were pending. If it
// wraps no error, a proxy rejects its certificate.
type pendingError struct {
	error
	pending []rollout.Pending
}

func (e *pendingError) Unwrap() error { return e.error }

// addWaitError adds the error for an action that ended early. summary and task
// are those of the action, advice is appended.
func (s *session) addWaitError(summary, task, advice string, err error) {
	pending := (*pendingError)(nil)
	switch {
	case kuma.Absent(err):
		tfkit.AddMeshAbsent(s.diags, s.mesh)
	case !errors.As(err, &pending), pending.error != nil && !errors.Is(err, context.DeadlineExceeded):
		tfkit.AddError(s.diags, task, err)
	case pending.error == nil:
		s.diags.AddError("Proxies reject their certificates", fmt.Sprintf(
			"Could not %s: proxies of mesh %q reject what the control plane sends. They keep their previous certificates, which expire. "+
				"Waiting for:\n  %s\n\n"+
				"The log of `kuma-dp` on these proxies says why. Fix the cause, and run the action again.%s",
			task, s.mesh, rollout.Describe(pending.pending), advice))
	default:
		s.diags.AddError(summary, fmt.Sprintf(
			"Could not %s within %s (timeouts.invoke). Waiting for:\n  %s\n\n"+
				"Check the logs of these proxies and of the control plane. If a proxy is gone for good, delete it from the control plane. "+
				"Then run the action again.%s",
			task, s.limit, rollout.Describe(pending.pending), advice))
	}
}
