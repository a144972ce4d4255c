package kuma

import (
	"context"
	"slices"
	"sync"
	"time"
)

// How long secrets of a CA stay after the mesh stopped using them, in addition
// to the intervals in the control plane's settings: proxies that connect at
// that moment may still need them, and an early delete can stop issuance for
// five minutes (measured: 5 s, global 15 s, at intervals of 1 s).
const (
	deletionMargin       = 3 * time.Second
	deletionMarginGlobal = 12 * time.Second
)

// deletionDelay returns how long they stay in all.
func deletionDelay(s Settings) time.Duration {
	wait := s.StoreCache + s.ProxyRefresh + deletionMargin
	if s.Global {
		wait = s.StoreCache + s.ProxyRefresh + s.ZoneRefresh + deletionMarginGlobal
	}
	return wait
}

// usages records what meshes used when this client read them. It is safe for
// concurrent use.
type usages struct {
	mu         sync.Mutex
	meshes     map[string]*usage    // by name
	identities map[string]time.Time // of the last write of an identity, by mesh
}

// recordIdentity records a write of an identity of a mesh.
func (u *usages) recordIdentity(mesh string, now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.identities == nil {
		u.identities = map[string]time.Time{}
	}
	u.identities[mesh] = now
}

// identityWritten returns the time of the last write of an identity of a mesh,
// or zero.
func (u *usages) identityWritten(mesh string) time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.identities[mesh]
}

type usage struct {
	first  time.Time            // time of the first read of the mesh
	used   []string             // secrets that it used at the last read
	unused map[string]time.Time // secrets that it used before, with the time of the first read without them
}

// record records what a mesh uses. It ignores an invalid mesh.
func (u *usages) record(name string, mesh *Mesh, now time.Time) {
	backends, err := mesh.Backends()
	if err != nil {
		return
	}
	var used []string
	for _, backend := range backends {
		used = append(used, backend.Cert.Secret, backend.Key.Secret)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	seen := u.meshes[name]
	if seen == nil {
		seen = &usage{first: now, unused: map[string]time.Time{}}
		if u.meshes == nil {
			u.meshes = map[string]*usage{}
		}
		u.meshes[name] = seen
	}
	for _, secret := range seen.used {
		seen.unused[secret] = now
	}
	for _, secret := range used {
		delete(seen.unused, secret)
	}
	seen.used = used
}

// unusedSince returns the time of the first read of a mesh without this use of
// a secret. ok is false if the mesh uses the secret, or was never read.
func (u *usages) unusedSince(name, secret string) (since time.Time, ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	seen := u.meshes[name]
	if seen == nil || slices.Contains(seen.used, secret) {
		return time.Time{}, false
	}
	if since, before := seen.unused[secret]; before {
		return since, true
	}
	return seen.first, true
}

// TimeUntilDeletable returns how much longer secrets must stay that a mesh does
// not use any more, or 0 if mTLS is off and this client wrote no identity. It
// counts by this client's clock, because the control plane's may differ: from its
// first read of the mesh without them, or from its last write of an identity.
func (c *Client) TimeUntilDeletable(ctx context.Context, name string, mesh *Mesh, secrets ...string) (time.Duration, error) {
	enabled, err := mesh.EnabledBackend()
	written := c.usages.identityWritten(name)
	if err != nil || enabled == "" && written.IsZero() {
		return 0, err
	}
	wait, now, left := deletionDelay(c.Settings(ctx)), c.config.Clock.Now(), time.Duration(0)
	if !written.IsZero() { // the previous version may have used them
		left = max(left, wait-now.Sub(written))
	}
	if enabled == "" {
		return left, nil
	}
	for _, secret := range secrets {
		passed := time.Duration(0)
		if since, ok := c.usages.unusedSince(name, secret); ok {
			passed = now.Sub(since)
		}
		left = max(left, wait-passed)
	}
	return left, nil
}
