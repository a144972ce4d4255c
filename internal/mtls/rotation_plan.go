package mtls

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/rollout"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// planRotation reports during plan how the CA of an enabled backend will
// change, and which proxies that leaves behind. It reports nothing if no proxy
// can notice.
func (r *backend) planRotation(ctx context.Context, state, plan model, diags *diag.Diagnostics) {
	if r.Client == nil || !state.Enabled.ValueBool() || !plan.Enabled.ValueBool() || plan.Enabled.IsUnknown() ||
		!plan.Mesh.Equal(state.Mesh) || !plan.Name.Equal(state.Name) || *plan.Cert == *state.Cert && *plan.Key == *state.Key {
		return
	}
	proxies, err := r.Client.Dataplanes(ctx, state.Mesh.ValueString())
	if kuma.NoAddress(err) {
		addBlindRotation(state, plan, diags)
		return
	}
	if err != nil || len(proxies) == 0 {
		return // the apply reports the problem
	}
	p := plannedRotation{state: state, plan: plan, refreshed: r.Run.Noted(state.refreshed())}
	for _, proxy := range proxies {
		switch {
		case rollout.Foreign(proxy):
			p.foreign = append(p.foreign, proxy.Name)
		case proxy.Online:
			p.connected = append(p.connected, proxy)
		case proxy.Subscription != "": // one that never connected has nothing to lose
			p.disconnected = append(p.disconnected, proxy)
		}
	}
	from, err := r.readCA(ctx, state.Mesh.ValueString(), state.document())
	if err == nil {
		p.from = &from
	}
	if bundle, planned := r.Run.PlannedBundle(plan.Mesh.ValueString(), plan.Cert.Secret.ValueString()); planned {
		p.to = &rollout.CA{Bundle: bundle}
	} else if to, err := r.readCA(ctx, plan.Mesh.ValueString(), plan.document()); err == nil {
		p.to = &to
	}
	p.timing = rollout.NewTiming(r.Client.Settings(ctx))
	p.settings = r.Client.Settings(ctx)
	p.describe(diags)
}

// addBlindRotation adds the diagnostic for a change of the CA whose proxies the provider
// cannot see.
func addBlindRotation(state, plan model, diags *diag.Diagnostics) {
	if plan.strategy() == strategySwitch {
		diags.AddAttributeWarning(path.Root("rollout"), "CA switches in one write", fmt.Sprintf(
			"rollout.strategy is \"switch\", and without address in the provider block the provider cannot see the proxies of mesh %q. Terraform switches "+
				"to the new CA in one write: handshakes fail until each proxy has the new CA. This takes seconds for connected proxies.", state.Mesh.ValueString()))
		return
	}
	diags.AddAttributeError(path.Root("cert"), "Rotation needs control plane address", fmt.Sprintf(
		"The CA of the enabled backend %q of mesh %q changes, and without address in the provider block the provider cannot see whether each proxy has "+
			"the new CA. Set address to the URL of the control plane's HTTP API, so that Terraform rotates the CA while proxies serve traffic. To switch in one "+
			"write instead, during which handshakes fail, set\n\n"+
			"  rollout = {\n"+
			"    strategy = \"switch\"\n"+
			"  }", state.Name.ValueString(), state.Mesh.ValueString()))
}

// A plannedRotation has what the plan knows of a rotation.
type plannedRotation struct {
	state, plan             model
	connected, disconnected []kuma.Dataplane
	refreshed               bool        // in this run: during apply, Terraform plans again without a read
	foreign                 []string    // names of proxies with a certificate from a MeshIdentity
	from, to                *rollout.CA // nil if unknown
	timing                  rollout.Timing
	settings                kuma.Settings
}

// refreshed returns the note that this run has read a backend.
func (m model) refreshed() string {
	return "refreshed mTLS backend " + m.Mesh.ValueString() + "/" + m.Name.ValueString()
}

func (p plannedRotation) describe(diags *diag.Diagnostics) {
	interrupted := rollout.IsStepSecret(p.state.Cert.Secret.ValueString())
	if p.from != nil && p.to != nil && len(rollout.Remaining(*p.from, *p.to)) == 1 && !interrupted {
		return // proxies accept certificates of both CAs
	}
	if p.plan.strategy() == strategySwitch || !inSecrets(p.state) || !inSecrets(p.plan) {
		p.warnSwitch(diags)
		return
	}
	if p.from != nil && p.to != nil {
		tfkit.AddProblems(diags, path.Root("cert"), pki.CheckOverlap(p.from.Bundle, p.to.Bundle))
	}
	if p.refreshed {
		p.inform(interrupted, diags)
	}
	if p.from != nil {
		p.warnExpiry(diags)
	}
	if len(p.disconnected) > 0 && !p.plan.waitsForOffline() {
		diags.AddAttributeWarning(path.Root("rollout"), "Rotation skips disconnected proxies", fmt.Sprintf(
			"These proxies of mesh %q are disconnected from the control plane: %s. They can still serve traffic. The "+
				"rotation does not wait for them. After the second step, their handshakes fail until they reconnect. To wait "+
				"for them, set\n\n"+
				"  rollout = {\n"+
				"    offline_proxies = \"wait\"\n"+
				"  }\n\n"+
				"If a proxy is gone for good, delete it from the control plane.",
			p.state.Mesh.ValueString(), listPending(sinceDisconnected(p.disconnected))))
	}
}

// warnSwitch warns of a change of the CA in one write.
func (p plannedRotation) warnSwitch(diags *diag.Diagnostics) {
	at, why := path.Root("cert"), "its CA is not in secrets both before and after the change"
	if p.plan.strategy() == strategySwitch {
		at, why = path.Root("rollout"), "rollout.strategy is \"switch\""
	}
	advice := "To avoid this, upload both CAs with kongmesh_mesh_ca_secret, refer to its secrets, and remove " +
		"rollout.strategy."
	diags.AddAttributeWarning(at, "CA switches in one write", fmt.Sprintf(
		"Mesh %q has %s, and %s. Terraform switches to the new CA in one write: handshakes fail until each proxy has "+
			"the new CA. This takes seconds for connected proxies. Handshakes of disconnected proxies fail until they "+
			"reconnect. %s",
		p.state.Mesh.ValueString(), countProxies(p.connected, p.disconnected), why, advice))
}

// inform adds a warning with the steps of the change, and how long that takes.
func (p plannedRotation) inform(interrupted bool, diags *diag.Diagnostics) {
	steps, how := 3, "up to 3 steps (trust both CAs, issue from the new CA, stop trusting the current CA)"
	if p.from != nil && p.to != nil {
		names := rollout.Remaining(*p.from, *p.to)
		steps, how = len(names), fmt.Sprintf("%s: %s", countSteps(len(names)), joinSteps(names))
	}
	where := ""
	if interrupted {
		where = " A rotation was interrupted: the mesh trusts both CAs. This run first repeats the interrupted step."
		steps++
	}
	diags.AddAttributeWarning(path.Root("cert"), "CA is rotated in steps", fmt.Sprintf(
		"Mesh %q has %s.%s The CA changes in %s. After each step, the provider waits until every connected proxy has "+
			"the result: at least %s in total.%s%s%s%s",
		p.state.Mesh.ValueString(), countProxies(p.connected, p.disconnected), where, how, p.leastTime(steps), p.validity(interrupted), p.waiting(), p.leftOut(), p.assumptions()))
}

// validity returns a sentence about when the rotation must end.
func (p plannedRotation) validity(interrupted bool) string {
	if p.from == nil || interrupted { // then the new CA may be the one that issues
		return ""
	}
	issuer := p.from.Bundle.Issuer()
	return fmt.Sprintf(" The current CA, %s, must stay valid until then: it expires on %s.", issuer.Subject, utc(issuer.NotAfter))
}

func (p plannedRotation) waiting() string {
	if !p.plan.waitsForOffline() || len(p.disconnected) == 0 {
		return ""
	}
	return fmt.Sprintf(" It also waits for disconnected proxies, up to timeouts.update: %s.", listPending(sinceDisconnected(p.disconnected)))
}

func (p plannedRotation) leftOut() string {
	if len(p.foreign) == 0 {
		return ""
	}
	return fmt.Sprintf(" It ignores proxies whose certificate is from a MeshIdentity and not from this CA: %s.", strings.Join(rollout.Some(p.foreign), ", "))
}

func (p plannedRotation) assumptions() string {
	if p.settings.Known {
		return ""
	}
	return " The user of the token cannot read the configuration of the control plane, so the provider assumes the " +
		"default intervals. If its store cache or the refresh of its zones takes longer than a second, allow the user " +
		"to read /config."
}

// warnExpiry warns of a current CA that expires too early.
func (p plannedRotation) warnExpiry(diags *diag.Diagnostics) {
	issuer := p.from.Bundle.Issuer()
	var longer []rollout.Pending
	for _, proxy := range p.connected {
		if proxy.Certificate != nil && proxy.Certificate.Expires.After(issuer.NotAfter) {
			longer = append(longer, rollout.Pending{Name: proxy.Name, Since: issuer.NotAfter})
		}
	}
	if len(longer) == 0 {
		return
	}
	names := make([]string, len(longer))
	for i, proxy := range longer {
		names[i] = proxy.Name
	}
	diags.AddAttributeWarning(path.Root("cert"), "Certificates outlive their CA", fmt.Sprintf(
		"The current CA, %s, expires on %s, before certificates that it issued to %s. Handshakes of these proxies fail "+
			"after that date: finish the rotation before it.",
		issuer.Subject, utc(issuer.NotAfter), strings.Join(rollout.Some(names), ", ")))
}

// leastTime returns the minimum time of a rotation: the waits of its steps, and
// the time to issue certificates, about 25 each second on a control plane with
// two cores.
func (p plannedRotation) leastTime(steps int) time.Duration {
	return time.Duration(steps) * (p.timing.Secrets + p.timing.Judge + time.Duration(len(p.connected)/25)*time.Second)
}

func inSecrets(m model) bool {
	return !m.Cert.Secret.IsNull() && !m.Key.Secret.IsNull()
}

func countSteps(n int) string {
	if n == 1 {
		return "1 step"
	}
	return fmt.Sprintf("%d steps", n)
}

func joinSteps(steps []rollout.Step) string {
	names := make([]string, len(steps))
	for i, s := range steps {
		names[i] = string(s)
	}
	return strings.Join(names, ", ")
}

func countProxies(connected, disconnected []kuma.Dataplane) string {
	count := func(n int, kind string) string {
		if n == 1 {
			return "1 " + kind + " proxy"
		}
		return fmt.Sprintf("%d %s proxies", n, kind)
	}
	switch {
	case len(disconnected) == 0:
		return count(len(connected), "connected")
	case len(connected) == 0:
		return count(len(disconnected), "disconnected")
	}
	return count(len(connected), "connected") + " and " + count(len(disconnected), "disconnected")
}

func sinceDisconnected(proxies []kuma.Dataplane) []rollout.Pending {
	list := make([]rollout.Pending, 0, len(proxies))
	for _, proxy := range proxies {
		list = append(list, rollout.Pending{Name: proxy.Name, Since: proxy.Disconnected})
	}
	return list
}
