package identity

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/part"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/rollout"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/rotation"
)

// caCache is how long the control plane issues from the CA of an identity that
// it has read, even if the identity names other secrets by then (measured: 5 s).
const caCache = 6 * time.Second

// atCertificate is the attribute of the certificate chain.
func atCertificate() path.Path {
	return path.Root("bundled").AtName("ca").AtName("certificate")
}

// secretsOf returns the CA secrets that a document names. ok is false if its CA
// is not in two secrets.
func secretsOf(document *kuma.Document) (secrets rollout.CASecrets, ok bool, err error) {
	names, err := kuma.IdentitySecrets(document)
	if err != nil || len(names) != 2 {
		return secrets, false, err
	}
	return rollout.CASecrets{Certificate: names[0], Key: names[1]}, true, nil
}

// secrets returns the CA secrets in a plan or state. ok is false if its CA is not
// in two secrets.
func (m model) secrets() (secrets rollout.CASecrets, ok bool) {
	certificate, key, ok := m.caSources()
	secrets = rollout.CASecrets{Certificate: certificate.Secret, Key: key.Secret}
	return secrets, ok && secrets.Certificate != "" && secrets.Key != ""
}

// issuer returns which proxies get their certificates from an identity.
func (m model) issuer() rollout.Issuer {
	dataplane := part.AttributesOf(m.Selector)["dataplane"]
	return rollout.Issuer{
		Mesh: m.Mesh.ValueString(), Identity: m.Name.ValueString(),
		Selects: !part.IsNull(dataplane), Selector: part.StringMap(part.AttributesOf(dataplane)["match_labels"]),
	}
}

// String returns the name of the identity for messages.
func (m model) String() string {
	return fmt.Sprintf("MeshIdentity %q of mesh %q", m.Name.ValueString(), m.Mesh.ValueString())
}

// movesCA reports whether a plan has another CA than a document.
func movesCA(current *kuma.Document, plan, prior model) bool {
	now, _, err := secretsOf(current)
	wanted, _ := plan.secrets()
	was, is := part.AttributesOf(prior.Bundled)["ca"], part.AttributesOf(plan.Bundled)["ca"]
	return err == nil && now != wanted || is != nil && was != nil && !is.Equal(was)
}

// changeCA writes an identity that names other CA secrets than its document: in
// steps if proxies would notice, otherwise in one write.
func (r *meshIdentity) changeCA(ctx context.Context, current *kuma.Document, plan, prior model, diags *diag.Diagnostics) *kuma.Document {
	now, _, err := secretsOf(current)
	if err != nil {
		r.addRotationError(plan, err, diags)
		return nil
	}
	timing := rollout.NewTiming(r.Client.Settings(ctx))
	document := &rotated{meshIdentity: r, plan: plan, prior: prior, timing: timing}
	inSteps, err := document.inSteps(ctx, current)
	if err != nil {
		r.addRotationError(plan, err, diags)
		return nil
	}
	if inSteps {
		configured, _ := plan.secrets()
		ro := &rotation.Rotation{
			ProviderData: r.ProviderData, Document: document, What: plan.String(), Mesh: plan.Mesh.ValueString(), Name: rollout.IdentityStepName(plan.Name.ValueString()),
			Configured: configured, At: atCertificate(), Timing: timing, Apart: true,
			// The time of a write is that of the last change of the status, if it is read late.
			Proxies: rollout.Proxies{Timing: timing, WaitForOffline: plan.Rollout.WaitsForOffline(), TwoClocks: true, Issuer: plan.issuer()},
		}
		inSteps, err = ro.Read(ctx, now, diags)
		if err == nil && inSteps && !diags.HasError() {
			document.to = ro.To.Bundle
			err = ro.Run(ctx, now, diags)
		}
		if err != nil || diags.HasError() {
			r.addRotationError(plan, err, diags)
			return nil
		}
		if inSteps {
			return document.written
		}
	}
	written := r.Write(ctx, current, plan.content(), prior.Labels, diags)
	if !diags.HasError() {
		r.addRotationError(plan, document.CleanUp(ctx), diags)
	}
	return written
}

// addRotationError adds the error of a rotation.
func (r *meshIdentity) addRotationError(plan model, err error, diags *diag.Diagnostics) {
	stopped, untrusted := (*rotation.StoppedError)(nil), (*errUntrusted)(nil)
	switch {
	case errors.As(err, &untrusted):
		addUntrusted(plan, untrusted, diags)
	case errors.As(err, &stopped):
		stopped.Add(diags)
	case err != nil:
		r.AddWriteError(plan.content(), kuma.NewDocument(), err, diags)
	}
}

// addUntrusted adds the error for a CA that no MeshTrust contains.
func addUntrusted(plan model, err *errUntrusted, diags *diag.Diagnostics) {
	diags.AddAttributeError(atCertificate(), "CA is in no MeshTrust", fmt.Sprintf(
		"The CA of %s changes, and %s: its peers would refuse a proxy with a certificate of this CA. Add the CA to ca_bundles of a kongmesh_mesh_trust "+
			"with the trust domain of the identity, and the kongmesh_mesh_trust to depends_on of the identity.", plan.String(), err))
}

// rotated is an identity whose CA a rotation replaces. What proxies trust
// meanwhile is in an interim MeshTrust of each trust domain.
type rotated struct {
	*meshIdentity
	plan, prior model
	timing      rollout.Timing
	served      bool           // whether a proxy may have a certificate of the identity
	to          pki.Bundle     // the CA in the configuration, empty if unknown
	written     *kuma.Document // by the last write
}

// inSteps reports whether proxies would notice a change in one write.
func (d *rotated) inSteps(ctx context.Context, current *kuma.Document) (bool, error) {
	_, now, err := secretsOf(current)
	if err != nil {
		return false, err
	}
	proxies, err := d.Client.Dataplanes(ctx, d.plan.Mesh.ValueString())
	if kuma.NoAddress(err) && d.plan.Rollout.Switches() {
		d.served = true
		return false, nil
	}
	d.served = d.plan.issuer().ServesAny(proxies)
	_, wanted := d.plan.secrets()
	return d.served && now && wanted && !d.plan.Rollout.Switches() && !d.plan.issuesNothing(), err
}

func (d *rotated) mesh() string { return d.plan.Mesh.ValueString() }

// View reads the proxies, and the identity.
func (d *rotated) View(ctx context.Context) (rollout.View, rotation.Use, error) {
	v, err := rollout.ReadProxies(ctx, d.Client, d.mesh())
	if err != nil {
		return v, rotation.Use{}, err
	}
	document, err := d.Client.Object(ctx, d.Of(d.plan.Envelope), kuma.Fresh)
	if kuma.Absent(err) {
		return v, rotation.Use{Ended: "deleted the MeshIdentity"}, nil
	}
	if err != nil {
		return v, rotation.Use{}, err
	}
	use, err := useOf(document)
	return v, use, err
}

// useOf returns the CA that a document uses.
func useOf(document *kuma.Document) (rotation.Use, error) {
	secrets, ok, err := secretsOf(document)
	use := rotation.Use{CASecrets: secrets}
	if !ok {
		use.Ended = "changed where the CA of the MeshIdentity is"
	}
	return use, err
}

// Prepare makes proxies trust what they need for a step; before the last one, it
// ends the trust in the previous CA.
func (d *rotated) Prepare(ctx context.Context, s rollout.Step, target pki.Bundle) (time.Duration, error) {
	switch s {
	case rollout.Repeat:
		return caCache, d.widen(ctx, target)
	case rollout.Trust:
		return d.timing.Trusts, errors.Join(d.widen(ctx, target), d.startProbe(ctx))
	case rollout.Issue:
		return 0, d.endProbe(ctx)
	default:
		return 0, d.narrow(ctx)
	}
}

// widen makes proxies trust the current and the new CA.
func (d *rotated) widen(ctx context.Context, target pki.Bundle) error {
	trusts, err := trustsOf(ctx, d.Client, d.mesh(), kuma.Fresh)
	if err != nil {
		return err
	}
	domains := domainsOf(trusts, target.Issuer())
	if len(domains) == 0 {
		return &errUntrusted{d.mesh(), target.Issuer()}
	}
	for _, domain := range domains {
		both := slices.Concat(target.Chain, target.Trusted, d.to.Chain)
		if err := hold(ctx, d.Client, d.mesh(), d.plan.Name.ValueString(), domain, both...); err != nil {
			return err
		}
	}
	return nil
}

// narrow ends the trust in the previous CA: it takes that out of the generated
// MeshTrust, to which the control plane only adds, and deletes the interim ones,
// which have it. It also deletes a probe of an earlier run.
func (d *rotated) narrow(ctx context.Context) error {
	trusts, err := trustsOf(ctx, d.Client, d.mesh(), kuma.Fresh)
	if err != nil {
		return err
	}
	interim := interimTrusts(trusts, d.plan.Name.ValueString())
	var previous []*x509.Certificate
	for _, t := range interim {
		if issuer := d.to.Issuer(); issuer != nil && !trusted(in(trusts, t.domain, func(t trust) bool { return !t.isInterim() }), issuer) {
			return &errUntrusted{d.mesh(), issuer}
		}
		previous = append(previous, without(t.certificates, d.to.Chain)...)
	}
	for _, t := range trusts {
		if len(d.to.Chain) > 0 && kuma.IsIdentity(t.origin, d.mesh(), d.plan.Name.ValueString()) {
			if err := d.drop(ctx, t, previous); err != nil {
				return err
			}
		}
	}
	for _, t := range interim {
		if err := d.Client.DeleteObject(ctx, kuma.MeshTrustKey(d.mesh(), t.name)); err != nil {
			return err
		}
	}
	if of, checks := d.probe(ctx); checks {
		return d.Client.DeleteObject(ctx, of)
	}
	return nil
}

// drop takes certificates out of a MeshTrust.
func (d *rotated) drop(ctx context.Context, t trust, certificates []*x509.Certificate) error {
	kept := without(t.certificates, certificates)
	if len(kept) == len(t.certificates) || len(kept) == 0 {
		return nil
	}
	_, _, err := d.Client.WriteObject(ctx, kuma.MeshTrustKey(d.mesh(), t.name), t.document, func(document *kuma.Document) error {
		return setCertificates(document, t.domain, kept)
	})
	return err
}

// Write writes the identity.
func (d *rotated) Write(ctx context.Context, s rollout.Step, secrets rollout.CASecrets, check func(rotation.Use) error) (time.Time, error) {
	current, err := d.Client.Object(ctx, d.Of(d.plan.Envelope), kuma.Fresh)
	if err != nil {
		return time.Time{}, err
	}
	if use, err := useOf(current); err == nil && s != rollout.Final && use.CASecrets == secrets {
		return current.ModificationTime() // the answer of an earlier attempt was lost
	}
	written, _, err := d.Client.WriteObject(ctx, d.Of(d.plan.Envelope), current, func(document *kuma.Document) error {
		use, err := useOf(document)
		if err == nil {
			err = check(use)
		}
		switch {
		case err != nil:
			return err
		case s == rollout.Final:
			return d.Edit(document, d.plan.content(), d.prior.Labels)
		}
		return kuma.SetIdentitySecrets(document, secrets.Certificate, secrets.Key)
	})
	if err != nil {
		return time.Time{}, err
	}
	d.written = written
	return written.ModificationTime()
}

// CleanUp deletes what a rotation needs meanwhile, also one of an earlier run,
// once no proxy that connects can get a certificate of the previous CA.
func (d *rotated) CleanUp(ctx context.Context) error {
	document, err := d.Client.Object(ctx, d.Of(d.plan.Envelope), kuma.Fresh)
	if err != nil {
		return err
	}
	used, _, err := secretsOf(document)
	if err != nil {
		return err
	}
	secrets, err := interimSecrets(ctx, d.Client, d.mesh(), d.plan.Name.ValueString())
	if err != nil && !kuma.Forbidden(err) { // who may not list secrets runs no rotations
		return err
	}
	trusts, err := trustsOf(ctx, d.Client, d.mesh(), kuma.Fresh)
	if err != nil {
		return err
	}
	secrets = slices.DeleteFunc(secrets, used.Has)
	if len(secrets) == 0 && len(interimTrusts(trusts, d.plan.Name.ValueString())) == 0 {
		return nil
	}
	if d.served {
		if err := d.Clock.Sleep(ctx, d.timing.Served); err != nil {
			return err
		}
	}
	for _, secret := range secrets {
		err = errors.Join(err, d.Client.DeleteSecret(ctx, d.mesh(), secret))
	}
	if d.to.Issuer() == nil && used.Certificate != "" {
		if ca, readErr := rotation.ReadCA(ctx, d.Client, d.mesh(), used); readErr == nil {
			d.to = ca.Bundle
		}
	}
	return errors.Join(err, d.narrow(ctx))
}
