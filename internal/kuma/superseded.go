package kuma

import (
	"context"
	"errors"
	"regexp"
	"time"
)

// How long a pair of CA secrets stays after the mesh last changed: proxies that
// connect at that moment may still be served from it, and one deleted at once
// can stop issuance for five minutes (contract, experiments). A global control
// plane passes the change on to its zones first.
const (
	settleTime       = 5 * time.Second
	settleTimeGlobal = 15 * time.Second
)

// Unsettled is how long a mesh is still to be left alone before a pair that it
// named goes, by the control plane's own clock, whose Date header has whole
// seconds. 0 when mTLS is off.
func (c *Client) Unsettled(ctx context.Context, mesh *Mesh) (time.Duration, error) {
	enabled, err := mesh.EnabledBackend()
	if err != nil || enabled == "" {
		return 0, err
	}
	modified, err := mesh.ModificationTime()
	if err != nil {
		return 0, err
	}
	now := mesh.Date
	if now.IsZero() {
		now = c.config.Clock.Now()
	}
	wait := settleTime
	if c.Settings(ctx).Global {
		wait = settleTimeGlobal
	}
	return max(0, min(modified.Add(wait).Sub(now), wait)), nil // a clock that runs ahead does not make it longer
}

var stepPattern = regexp.MustCompile(`^.+-rollout-[0-9a-f]{10}-(cert|key)$`)

// StepSecrets are the names of a pair that stands between two others while a
// backend changes its CA.
func StepSecrets(backend, fingerprint string) (certificate, key string) {
	prefix := backend + "-rollout-" + fingerprint[:10]
	return prefix + "-cert", prefix + "-key"
}

// IsStepSecret tells whether a secret is of such a pair.
func IsStepSecret(name string) bool { return stepPattern.MatchString(name) }

// UnusedSteps are the secrets of pairs between two others that no backend of
// the mesh names any more.
func (c *Client) UnusedSteps(ctx context.Context, name string, mesh *Mesh, age Freshness) ([]string, error) {
	secrets, err := c.SecretsAsOf(ctx, name, age)
	if err != nil && !Absent(err) {
		return nil, err
	}
	var unused []string
	for _, secret := range secrets {
		secretName, err := secret.Name()
		if err != nil {
			return nil, err
		}
		if !IsStepSecret(secretName) {
			continue
		}
		users, err := mesh.Users(secretName)
		if err != nil {
			return nil, err
		}
		if len(users) == 0 {
			unused = append(unused, secretName)
		}
	}
	return unused, nil
}

// DeleteUnusedSteps deletes what [Client.UnusedSteps] finds.
func (c *Client) DeleteUnusedSteps(ctx context.Context, name string, mesh *Mesh) error {
	unused, err := c.UnusedSteps(ctx, name, mesh, Fresh)
	for _, secret := range unused {
		err = errors.Join(err, c.DeleteSecret(ctx, name, secret))
	}
	return err
}
