package rotation

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/rollout"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// A Plan is a planned change of the CA that a document names.
type Plan struct {
	// What is the document, as in [Rotation], Mesh its mesh, and At the attribute of
	// the CA.
	What, Mesh string
	At         path.Path
	Rollout    *Model
	// Issuer says which proxies get their certificates from the CA.
	Issuer rollout.Issuer
	// Now and Wanted are the CA secrets before and after the change. InSecrets
	// reports whether the CA is in secrets in both cases.
	Now, Wanted rollout.CASecrets
	InSecrets   bool
	// Apart is that of [Rotation].
	Apart bool

	interrupted bool // whether the document is between two steps
	// refreshed reports whether this run has read the document: during apply,
	// Terraform plans again without a read.
	refreshed bool
	from, to  *rollout.CA // the current CA and the new one, nil if unknown
	timing    rollout.Timing
	settings  kuma.Settings

	connected, disconnected []kuma.Dataplane
	foreign                 []string // names of proxies that another CA issues to
}

// Describe adds how the CA will change, and which proxies that leaves behind. It
// adds nothing if no proxy can notice.
func (p Plan) Describe(ctx context.Context, provider *tfkit.ProviderData, diags *diag.Diagnostics) {
	proxies, err := provider.Client.Dataplanes(ctx, p.Mesh)
	switch {
	case kuma.NoAddress(err):
		p.describeBlind(diags)
		return
	case err != nil, len(proxies) == 0, p.Apart && !p.Issuer.ServesAny(proxies):
		return // the apply reports the problem, or changes the CA in one write
	}
	p.sort(proxies)
	p.interrupted, p.refreshed = Interrupted(p.Now), provider.Run.Refreshed(p.What)
	p.from, p.to = p.plannedCA(ctx, provider, p.Now), p.plannedCA(ctx, provider, p.Wanted)
	p.settings = provider.Client.Settings(ctx)
	p.timing = rollout.NewTiming(p.settings)
	p.describe(diags)
}

// plannedCA returns the CA in two secrets, as this run plans it or as it is now,
// or nil if it is unknown.
func (p Plan) plannedCA(ctx context.Context, provider *tfkit.ProviderData, secrets rollout.CASecrets) *rollout.CA {
	if bundle, planned := provider.Run.PlannedBundle(p.Mesh, secrets.Certificate); planned {
		return &rollout.CA{Bundle: bundle, Apart: p.Apart}
	}
	ca, err := ReadCA(ctx, provider.Client, p.Mesh, secrets)
	if err != nil {
		return nil
	}
	ca.Apart = p.Apart
	return &ca
}

// sort sorts the proxies of the mesh by what the rotation does with them.
func (p *Plan) sort(proxies []kuma.Dataplane) {
	for _, proxy := range proxies {
		switch {
		case !p.Issuer.Serves(proxy):
			p.foreign = append(p.foreign, proxy.Name)
		case proxy.Online:
			p.connected = append(p.connected, proxy)
		case proxy.Subscription != "": // one that never connected has nothing to lose
			p.disconnected = append(p.disconnected, proxy)
		}
	}
}

// describeBlind adds the diagnostic for a change of the CA whose proxies the
// provider cannot see.
func (p Plan) describeBlind(diags *diag.Diagnostics) {
	if p.Rollout.Switches() {
		diags.AddAttributeWarning(path.Root("rollout"), "CA switches in one write", fmt.Sprintf(
			"rollout.strategy is \"switch\", and without address in the provider block the provider cannot see the proxies of mesh %q. Terraform switches "+
				"to the new CA in one write: handshakes fail until each proxy has the new CA. This takes seconds for connected proxies.", p.Mesh))
		return
	}
	diags.AddAttributeError(p.At, "Rotation needs control plane address", fmt.Sprintf(
		"The CA of %s changes, and without address in the provider block the provider cannot see whether each proxy has "+
			"the new CA. Set address to the URL of the control plane's HTTP API, so that Terraform rotates the CA while proxies serve traffic. To switch in one "+
			"write instead, during which handshakes fail, set\n\n"+
			"  rollout = {\n"+
			"    strategy = \"switch\"\n"+
			"  }", p.What))
}

// describe adds the diagnostics for what is known.
func (p Plan) describe(diags *diag.Diagnostics) {
	if p.from != nil && p.to != nil && !p.interrupted && len(p.steps()) == 1 {
		return // proxies accept certificates of both CAs
	}
	if p.Rollout.Switches() || !p.InSecrets {
		p.warnSwitch(diags)
		return
	}
	if p.from != nil && p.to != nil {
		tfkit.AddProblems(diags, p.At, pki.CheckOverlap(p.from.Bundle, p.to.Bundle))
	}
	if p.refreshed {
		p.inform(diags)
	}
	if p.from != nil {
		p.warnExpiry(diags)
	}
	if len(p.disconnected) > 0 && !p.Rollout.WaitsForOffline() {
		diags.AddAttributeWarning(path.Root("rollout"), "Rotation skips disconnected proxies", fmt.Sprintf(
			"These proxies of mesh %q are disconnected from the control plane: %s. They can still serve traffic. The "+
				"rotation does not wait for them. After the second step, their handshakes fail until they reconnect. To wait "+
				"for them, set\n\n"+
				"  rollout = {\n"+
				"    offline_proxies = \"wait\"\n"+
				"  }\n\n"+
				"If a proxy is gone for good, delete it from the control plane.",
			p.Mesh, listPending(sinceDisconnected(p.disconnected))))
	}
}

// warnSwitch warns of a change of the CA in one write.
func (p Plan) warnSwitch(diags *diag.Diagnostics) {
	at, why := p.At, "its CA is not in secrets both before and after the change"
	if p.Rollout.Switches() {
		at, why = path.Root("rollout"), "rollout.strategy is \"switch\""
	}
	advice := "To avoid this, upload both CAs with kongmesh_mesh_ca_secret, refer to its secrets, and remove " +
		"rollout.strategy."
	diags.AddAttributeWarning(at, "CA switches in one write", fmt.Sprintf(
		"Mesh %q has %s, and %s. Terraform switches to the new CA in one write: handshakes fail until each proxy has "+
			"the new CA. This takes seconds for connected proxies. Handshakes of disconnected proxies fail until they "+
			"reconnect. %s",
		p.Mesh, countProxies(p.connected, p.disconnected), why, advice))
}

// inform adds a warning with the steps of the change, and how long that takes.
func (p Plan) inform(diags *diag.Diagnostics) {
	steps, how := 3, "up to 3 steps (trust both CAs, issue from the new CA, stop trusting the current CA)"
	if p.from != nil && p.to != nil {
		names := p.steps()
		steps, how = len(names), fmt.Sprintf("%s: %s", countSteps(len(names)), joinSteps(names))
	}
	where := ""
	if p.interrupted {
		where = " A rotation was interrupted: the mesh trusts both CAs. This run first repeats the interrupted step."
		steps++
	}
	diags.AddAttributeWarning(p.At, "CA is rotated in steps", fmt.Sprintf(
		"Mesh %q has %s.%s The CA changes in %s. After each step, the provider waits until every connected proxy has "+
			"the result: at least %s in total.%s%s%s%s",
		p.Mesh, countProxies(p.connected, p.disconnected), where, how, p.leastTime(steps), p.validity(), p.waiting(), p.leftOut(), p.assumptions()))
}

// validity returns a sentence about when the rotation must end.
func (p Plan) validity() string {
	if p.from == nil || p.interrupted { // then the new CA may be the one that issues
		return ""
	}
	issuer := p.from.Bundle.Issuer()
	return fmt.Sprintf(" The current CA, %s, must stay valid until then: it expires on %s.", issuer.Subject, utc(issuer.NotAfter))
}

func (p Plan) waiting() string {
	if !p.Rollout.WaitsForOffline() || len(p.disconnected) == 0 {
		return ""
	}
	return fmt.Sprintf(" It also waits for disconnected proxies, up to timeouts.update: %s.", listPending(sinceDisconnected(p.disconnected)))
}

func (p Plan) leftOut() string {
	if len(p.foreign) == 0 {
		return ""
	}
	return fmt.Sprintf(" It ignores proxies whose certificate is not from this CA: %s.", strings.Join(rollout.Some(p.foreign), ", "))
}

func (p Plan) assumptions() string {
	if p.settings.Known {
		return ""
	}
	return " The user of the token cannot read the configuration of the control plane, so the provider assumes the " +
		"default intervals. If its store cache or the refresh of its zones takes longer than a second, allow the user " +
		"to read /config."
}

// warnExpiry warns of a current CA that expires too early.
func (p Plan) warnExpiry(diags *diag.Diagnostics) {
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
	diags.AddAttributeWarning(p.At, "Certificates outlive their CA", fmt.Sprintf(
		"The current CA, %s, expires on %s, before certificates that it issued to %s. Handshakes of these proxies fail "+
			"after that date: finish the rotation before it.",
		issuer.Subject, utc(issuer.NotAfter), strings.Join(rollout.Some(names), ", ")))
}

// leastTime returns the minimum time of a rotation: the waits of its steps, and
// the time to issue certificates, about 25 each second on a control plane with
// two cores.
func (p Plan) leastTime(steps int) time.Duration {
	if p.Apart { // the last step needs no wait
		steps--
	}
	return time.Duration(steps) * (p.timing.Secrets + p.timing.Judge + time.Duration(len(p.connected)/25)*time.Second)
}

// steps returns the steps of the rotation, if both CAs are known.
func (p Plan) steps() []rollout.Step {
	steps := rollout.Remaining(*p.from, *p.to)
	if i := slices.Index(steps, rollout.Issue); i >= 0 && p.Apart {
		steps = slices.Insert(steps, i+1, rollout.Repeat)
	}
	return steps
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
