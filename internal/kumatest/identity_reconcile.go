package kumatest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
)

// A reconciler is the part of a zone that looks at every MeshIdentity at regular times and writes what it finds into its
// status. It also writes the secrets and MeshTrusts that belong to an identity.
//
// It skips the times before which nothing was written: a test's clock may jump by days. Files and environment variables
// change without a write, so an identity that reads one of them is always looked at.
type reconciler struct {
	zone  *Zone
	cp    *ControlPlane
	start time.Time // the regular times begin here
	due   bool      // the next one is on the agenda
	runs  int       // number of times that it was started
}

// Types and reasons of conditions.
const (
	readyCondition    = "Ready"
	providerCondition = "Provider"
	trustCondition    = "MeshTrustCreated"

	partiallyReady = "PartiallyReady"
	failure        = "Failure"
	invalidCA      = "ProviderValidationError"
	noTrust        = "MeshTrustCreationError"
)

// authorityLifetime is how long a generated CA is valid.
const authorityLifetime = 10 * 365 * 24 * time.Hour

// newReconciler returns a reconciler whose regular times are somewhere within the interval, as the seed decides.
func newReconciler(z *Zone) *reconciler {
	cp := z.fleet.cp
	random := rand.New(rand.NewPCG(cp.seed, uint64(len(z.fleet.zones)+1))) //nolint:gosec // a delay, not a secret
	return &reconciler{zone: z, cp: cp, start: cp.now().Add(-time.Duration(random.Int64N(int64(cp.every.identityStatus))))}
}

// restart ends the regular times and begins them again at another time.
func (rc *reconciler) restart(at time.Time) {
	rc.start, rc.due = at, false
	rc.runs++
	rc.wake()
}

// wake puts the next regular time on the agenda. The caller has locked the fleet.
func (rc *reconciler) wake() {
	if rc.due || len(rc.zone.store.list("MeshIdentity", "", nil)) == 0 {
		return
	}
	f, every := rc.zone.fleet, rc.cp.every.identityStatus
	next := rc.start.Add(every)
	if gone := f.now.Sub(rc.start); gone >= 0 {
		next = f.now.Add(untilNext(gone, every))
	}
	rc.due = true
	run := rc.runs
	f.schedule(event{at: next, zone: rc.zone, hook: true, do: func() {
		if run == rc.runs {
			rc.tick()
		}
	}})
}

// tick looks at each identity.
func (rc *reconciler) tick() {
	f, again := rc.zone.fleet, false
	f.mu.Lock()
	rc.due = false
	f.mu.Unlock()
	for _, identity := range rc.zone.store.list("MeshIdentity", "", nil) {
		again = rc.reconcile(identity) || again
	}
	if again {
		f.mu.Lock()
		rc.wake()
		f.mu.Unlock()
	}
}

// reconcile writes the status of an identity if it has changed. It reports whether the identity depends on more than
// the store.
func (rc *reconciler) reconcile(identity *resource) (unwatched bool) {
	defer rc.zone.store.lockMesh(identity.mesh)()
	identity, ok := rc.zone.store.get(identity.kind.name, identity.mesh, identity.name)
	if !ok {
		return false
	}
	spec := identitySpecOf(identity)
	status := mustMarshal(map[string]any{"conditions": summarized(rc.examine(identity, spec))})
	if string(status) != string(identity.status) {
		rc.write(identity, identity.spec, status)
	}
	return spec.readsFiles()
}

// write stores another version of a resource, with the labels that it has.
func (rc *reconciler) write(r *resource, spec map[string]any, status json.RawMessage) {
	next := *r
	next.modified = rc.cp.now().UTC()
	next.setSpec(spec, status)
	rc.zone.store.put(&next, key{})
	rc.wrote(&next)
}

// wrote schedules what follows from a write of the reconciler.
func (rc *reconciler) wrote(r *resource) {
	f := rc.zone.fleet
	if !rc.cp.global {
		f.wrote(r)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	rc.zone.note(r)
	if r.kind.name == "MeshTrust" && rc.zone.isOwn(r) {
		rc.zone.sendUp(r)
	}
}

// summarized adds the condition that says whether proxies can use the identity.
func summarized(conditions []condition) []condition {
	ready := condition{readyCondition, "True", "Ready", "Successfully initialized"}
	for _, c := range conditions {
		switch {
		case c.Status == "False":
			ready = condition{readyCondition, "False", failure, "One of initialization steps failed"}
		case c.Type == "SpiffeIDProvider":
			ready = condition{readyCondition, "False", partiallyReady, "Running in SpiffeID providing only mode."}
		}
	}
	return append(conditions, ready)
}

// examine looks at what an identity needs, up to the first thing that is missing, and creates what is generated.
func (rc *reconciler) examine(identity *resource, spec identitySpec) []condition {
	failed := func(what, reason, message string) condition { return condition{what, "False", reason, message} }
	if rc.cp.release.identityServices && !rc.cp.hasServices(identity.mesh) {
		return []condition{failed("DependenciesReady", "MeshServicesDisabled", "MeshIdentity requires MeshServices to be enabled on the mesh. "+
			"To enable, set `spec.meshServices.mode: Exclusive` on the mesh.")}
	}
	switch {
	case spec.Provider == nil:
		return []condition{{"SpiffeIDProvider", "True", "SpiffeIDProvided", "Providing only SpiffeIDs for services."}}
	case spec.Provider.Type == extensionKind:
		return []condition{failed(providerCondition, "ProviderNotFoundError", "provider: "+extensionKind+" not found")}
	}
	if err := rc.generateAuthority(identity, spec); err != nil {
		return []condition{failed(providerCondition, "ProviderInitializationError", err.Error())}
	}
	if err := rc.checkAuthority(identity, spec); err != nil {
		return []condition{failed(providerCondition, invalidCA, err.Error())}
	}
	found := []condition{{providerCondition, "True", "ProviderInitialized", "Provider successfully initialized"}}
	if !spec.createsTrust() {
		return found
	}
	if err := rc.keepTrust(identity, spec); err != nil {
		return append(found, failed(trustCondition, noTrust, err.Error()))
	}
	return append(found, condition{trustCondition, "True", "MeshTrustCreated", "MeshTrust has been successfully created"})
}

// hasServices reports whether a mesh uses MeshServices for everything.
func (cp *ControlPlane) hasServices(mesh string) bool {
	m, ok := cp.mesh(mesh)
	return ok && get[int32](m.document.object("meshServices"), "mode") == exclusiveServices
}

// generateAuthority creates the secrets of an identity whose CA is generated. If only one of them is absent, the other
// one stays, although its half belongs to an earlier CA.
func (rc *reconciler) generateAuthority(identity *resource, spec identitySpec) error {
	if spec.Provider.Type != bundledKind || !spec.Provider.Bundled.Autogenerate.Enabled {
		return nil
	}
	halves := map[string][]byte{}
	cert, key := generatedSecrets(identity)
	_, hasCert := rc.zone.store.get("Secret", identity.mesh, cert)
	_, hasKey := rc.zone.store.get("Secret", identity.mesh, key)
	if hasCert && hasKey {
		return nil
	}
	domain, err := spec.trustDomain(identity, rc.zone.name)
	if err != nil {
		return err
	}
	if _, err := spiffeid.TrustDomainFromString(domain); err != nil {
		return fmt.Errorf("failed to generate X509 certificate: %w", err)
	}
	halves[cert], halves[key], err = selfSignedCA(domain, rc.cp.now().Add(-clockSkew), authorityLifetime+clockSkew)
	if err != nil {
		return err
	}
	for _, half := range []struct {
		name  string
		there bool
	}{{cert, hasCert}, {key, hasKey}} {
		if !half.there {
			secret := rc.cp.newSecret("Secret", identity.mesh, half.name, halves[half.name])
			rc.zone.store.put(secret, identity.key())
			rc.wrote(secret)
		}
	}
	return nil
}

// checkAuthority returns why the CA of an identity cannot be used. Some releases check little of it.
func (rc *reconciler) checkAuthority(identity *resource, spec identitySpec) error {
	if spec.Provider.Type != bundledKind {
		return nil
	}
	bundled := spec.Provider.Bundled
	errSelfSigned := errors.New("self-signed certificates are not allowed")
	switch {
	case bundled.Autogenerate.Enabled && !bundled.InsecureAllowSelfSigned:
		return errSelfSigned
	case bundled.Autogenerate.Enabled, bundled.InsecureAllowSelfSigned && !rc.cp.release.identityPairs:
		return nil
	}
	cert, err := bundled.CA.Certificate.read(rc.zone.secret(identity.mesh))
	if err != nil {
		return err
	}
	if rc.cp.release.identityPairs {
		key, err := bundled.CA.PrivateKey.read(rc.zone.secret(identity.mesh))
		if err != nil {
			return err
		}
		if broken := checkPair(cert, key); len(broken) > 0 {
			return errors.New(broken.String())
		}
	}
	if bundled.InsecureAllowSelfSigned {
		return nil
	}
	selfSigned, err := isSelfSigned(cert)
	if err == nil && selfSigned {
		return errSelfSigned
	}
	return err
}
