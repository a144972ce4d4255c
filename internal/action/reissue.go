package action

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/action/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/action"
	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/rollout"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

var (
	_ action.ActionWithConfigure  = (*reissue)(nil)
	_ action.ActionWithModifyPlan = (*reissue)(nil)
)

// restoring limits the time for the write that restores the mesh after a
// reissue.
const restoring = 30 * time.Second

// NewReissue returns kongmesh_reissue_certificates.
func NewReissue() action.Action { return &reissue{tfkit.Action{TypeName: "reissue_certificates"}} }

type reissue struct {
	tfkit.Action
}

type reissueModel struct {
	Mesh     types.String   `tfsdk:"mesh"`
	Timeouts timeouts.Value `tfsdk:"timeouts"`
}

func (a *reissue) Schema(ctx context.Context, _ action.SchemaRequest, resp *action.SchemaResponse) {
	resp.Schema = schema.Schema{
		MarkdownDescription: "Makes the control plane issue a new certificate to each connected proxy of a mesh, together with the CAs to trust, " +
			"and waits until each proxy has accepted it. The action changes `rootChain` of the enabled mTLS backend for the duration of the " +
			"wait, because a control plane issues anew when the backend changes. A disconnected proxy gets a new certificate when it reconnects.",
		Attributes: map[string]schema.Attribute{
			"mesh":     meshAttribute(),
			"timeouts": tfkit.ActionTimeouts(ctx, "Maximum duration of the action. Defaults to `10m`."),
		},
	}
}

// ModifyPlan reports a control plane that does not accept writes of meshes.
func (a *reissue) ModifyPlan(ctx context.Context, _ action.ModifyPlanRequest, resp *action.ModifyPlanResponse) {
	if a.Client != nil {
		a.AddErrorOnce(&resp.Diagnostics, "write meshes", a.Client.CheckWrites(ctx, kuma.MeshType))
	}
}

func (a *reissue) Invoke(ctx context.Context, req action.InvokeRequest, resp *action.InvokeResponse) {
	config := tfkit.Get[reissueModel](ctx, req.Config, &resp.Diagnostics)
	if resp.Diagnostics.HasError() || !a.Ready(&resp.Diagnostics) {
		return
	}
	s := &session{ProviderData: a.ProviderData, mesh: config.Mesh.ValueString(), progress: resp.SendProgress, diags: &resp.Diagnostics}
	ctx, cancel := s.limited(ctx, config.Timeouts)
	defer cancel()
	err := s.reissue(ctx)
	if disabled := (*disabledError)(nil); errors.As(err, &disabled) {
		resp.Diagnostics.AddAttributeError(path.Root("mesh"), "mTLS is not enabled", fmt.Sprintf(
			"Mesh %q has no enabled mTLS backend, so the control plane issues no certificates from a backend. Enable one first, for "+
				"example with kongmesh_mtls_provided_backend. If a resource of this run does that, run the action after it.", s.mesh))
		return
	}
	if err != nil {
		s.addWaitError("Certificates not reissued", fmt.Sprintf("reissue the certificates of mesh %q", s.mesh), "", err)
	}
}

// A disabledError reports a mesh in which no backend issues certificates.
type disabledError struct{ error }

// reissue changes the enabled backend, waits until each proxy has a certificate
// from after this change, and restores the backend.
func (s *session) reissue(ctx context.Context) error {
	timing := s.timing(ctx)
	// Until then, the control plane may use a cached copy of a secret that was
	// just written.
	if err := s.Clock.Sleep(ctx, timing.Secrets); err != nil {
		return err
	}
	before, err := s.readView(ctx)
	if err != nil {
		return err
	}
	original, err := enabledBackend(before.Mesh)
	if err != nil {
		return err
	}
	if _, connected := rollout.Count(before.Proxies, nil); connected == 0 {
		s.report("no proxy is connected; each one gets a new certificate when it connects")
		return nil
	}
	changed := nudge(original.RootChain)
	defer s.restore(ctx, original, changed)
	var modified time.Time
	err = s.persist(ctx, func() error {
		mesh, err := s.Client.UpdateMesh(ctx, s.mesh, func(mesh *kuma.Mesh) error {
			switch enabled, err := mesh.EnabledBackend(); {
			case err != nil:
				return err
			case enabled != original.Name:
				return fmt.Errorf("another client enabled backend %q instead of %q", enabled, original.Name)
			}
			return mesh.SetRootChain(original.Name, changed)
		})
		if err == nil {
			modified, err = mesh.ModificationTime()
		}
		return err
	})
	if err != nil {
		return err
	}
	proxies := rollout.Proxies{Timing: timing, TwoClocks: s.Client.TwoClocks()}
	proxies.Begin(modified, s.Clock.Now(), before)
	s.report("backend %q issues new certificates", original.Name)
	return s.wait(ctx, timing.Judge, "have a new certificate", func(v rollout.View) []rollout.Pending {
		return proxies.Judge(s.Clock.Now(), v)
	})
}

// enabledBackend returns the backend that issues certificates. The error is a
// *disabledError if there is none.
func enabledBackend(mesh *kuma.Mesh) (kuma.Backend, error) {
	name, err := mesh.EnabledBackend()
	if err != nil {
		return kuma.Backend{}, err
	}
	backend, there, err := mesh.Backend(name)
	if err == nil && !there {
		err = &disabledError{errors.New("no backend is enabled")}
	}
	return backend, err
}

// nudge returns a different value of rootChain with the same or nearly the same
// meaning. The control plane issues new certificates after any difference
// within mtls.
func nudge(current *kuma.RootChain) *kuma.RootChain {
	switch {
	case current == nil:
		return &kuma.RootChain{}
	case current.RequestTimeout == "":
		return nil
	}
	timeout, err := time.ParseDuration(current.RequestTimeout)
	if err != nil {
		return nil
	}
	return &kuma.RootChain{RequestTimeout: (timeout + time.Millisecond).String()}
}

// restore restores rootChain, unless another client has changed it since. It
// also runs after the action was canceled.
func (s *session) restore(ctx context.Context, original kuma.Backend, changed *kuma.RootChain) {
	ctx, cancel := s.Clock.WithTimeout(context.WithoutCancel(ctx), restoring)
	defer cancel()
	err := s.persist(ctx, func() error {
		_, err := s.Client.UpdateMesh(ctx, s.mesh, func(mesh *kuma.Mesh) error {
			now, _, err := mesh.Backend(original.Name)
			if err != nil || !now.RootChain.Equal(changed) {
				return err
			}
			return mesh.SetRootChain(original.Name, original.RootChain)
		})
		return err
	})
	if err != nil && !kuma.Absent(err) {
		s.diags.AddWarning("Backend not changed back", fmt.Sprintf(
			"The provider changed rootChain of backend %q of mesh %q for a moment, and could not change it back: %s. The value has no "+
				"effect on proxies. Apply the configuration of the backend to restore it.", original.Name, s.mesh, err))
	}
}
