//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/cmd/authority"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// mesh is the name of the example's mesh.
const mesh = "demo"

// proxies are the names of the proxies that connect to the mesh.
var proxies = []string{"orders", "payments", "stock", "mail", "web"}

// runRotation rotates the CA of a mesh while its proxies try handshakes. It draws the rotation to the file picture, unless
// that is empty.
func runRotation(ctx context.Context, out *screen, picture string) (err error) {
	out.say("This takes about a minute. The CA changes in 3 steps. After each step, the provider waits until every\n" +
		"connected proxy has the result, and for at least 15 seconds.\n")
	s, err := newStage(ctx, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()

	out.step("Create a mesh that uses your own CA")
	if err := s.tf.runFromPlan(ctx, "apply", "-auto-approve"); err != nil {
		return err
	}

	out.step("Connect five proxies, which get their certificates from this CA")
	for _, name := range proxies {
		s.server.Connect(mesh, name) //nolint:contextcheck // a call within this process
	}
	if err := s.served(ctx); err != nil {
		return err
	}
	showProxies(out, s.server.ControlPlane)

	out.step("Plan a new CA with another root, intermediate CA and key")
	if err := authority.Write(s.tf.folder, "Next"); err != nil {
		return err
	}
	if err := s.tf.runFromPlan(ctx, "plan", "-out=rotation.tfplan"); err != nil {
		return err
	}

	out.step("Apply, while every proxy tries ten handshakes per second with every other one")
	seen, err := s.rotate(ctx, "rotation.tfplan")
	if err != nil {
		return err
	}

	out.step("Check the result")
	if picture != "" {
		if err := os.WriteFile(picture, []byte(seen.journal.draw(len(proxies))), 0o600); err != nil {
			return err
		}
	}
	if err := s.showRotated(ctx, seen); err != nil {
		return err
	}
	if err := s.showEmptyPlan(ctx); err != nil {
		return err
	}

	out.step("Remove the proxies, because they block the deletion of the mesh")
	if err := s.removeProxies(ctx); err != nil {
		return err
	}
	return s.showDestroy(ctx, []string{mesh})
}

// served waits until every proxy has a certificate.
func (s *stage) served(ctx context.Context) error {
	return s.await(ctx, "get a certificate", func(h kumatest.Holding) bool { return h.Identity != nil })
}

// await waits for up to a minute until every proxy has what it should.
func (s *stage) await(ctx context.Context, what string, has func(kumatest.Holding) bool) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		all := s.server.Proxies(mesh)
		if !slices.ContainsFunc(all, func(p *kumatest.Proxy) bool { return !has(p.Holds()) }) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("some proxies did not %s: %w", what, ctx.Err())
		case <-time.After(tick):
		}
	}
}

// showProxies prints the certificate and the trust bundle of each proxy.
func showProxies(out *screen, cp *kumatest.ControlPlane) {
	out.say("\n   %-10s %-18s %s", "proxy", "issuing CA", "trusts")
	for _, proxy := range cp.Proxies(mesh) {
		holding := proxy.Holds()
		if holding.Identity == nil {
			out.say("   %-10s %s", proxy.Name(), "no certificate yet")
			continue
		}
		out.say("   %-10s %-18s %s", proxy.Name(), holding.Identity.Issuer.CommonName, commonNames(holding.Bundle))
	}
}

// rotate applies the plan while an observer watches.
func (s *stage) rotate(ctx context.Context, plan string) (*observer, error) {
	args := s.tf.show([]string{"apply", plan})
	return s.observed(ctx, func(lines *timeline) error { return s.tf.start(ctx, lines, lines, args...) })
}

// observed acts while an observer watches.
func (s *stage) observed(ctx context.Context, act func(*timeline) error) (*observer, error) {
	s.out.say("")
	lines := newTimeline(s.out, time.Now())
	seen := observe(s.server.ControlPlane, lines) //nolint:contextcheck // requests within this process
	ticks, stop := context.WithCancel(ctx)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		seen.tick(ticks)
	}()

	err := act(lines)
	stop()
	<-stopped
	s.server.Advance() // includes events since the last tick
	seen.stop()
	lines.flush()
	return seen, err
}

// showRotated prints the result. It fails if a handshake failed or an interim CA secret still exists.
func (s *stage) showRotated(ctx context.Context, seen *observer) error {
	showProxies(s.out, s.server.ControlPlane)
	found, err := s.controlPlane.showSecrets(ctx, mesh)
	if err != nil {
		return err
	}
	used := seen.used
	s.out.say("\n   CA secrets that the mesh used:")
	for i, name := range used {
		state := "deleted"
		switch {
		case i == len(used)-1:
			state = "in use"
		case slices.ContainsFunc(found, func(secret string) bool { return strings.HasPrefix(secret, name) }):
			state = "not deleted"
			err = errors.Join(err, fmt.Errorf("the CA secret %s still exists", name))
		}
		s.out.say("   %-36s %s", name, state)
	}
	all := seen.journal.total()
	s.out.say("\n%s", s.out.styled("1", fmt.Sprintf("   %d handshakes, %d failed.", all.tried, all.failed)))
	return errors.Join(err, seen.verdict())
}

// removeProxies removes all proxies, so that the mesh can be deleted.
func (s *stage) removeProxies(ctx context.Context) error {
	s.out.say("")
	for _, proxy := range s.server.Proxies(mesh) {
		proxy.Disconnect()
		path := "/meshes/" + mesh + "/dataplanes/" + proxy.Resource()
		s.out.say("%s", s.out.styled("36", "   DELETE "+path))
		if _, _, err := s.controlPlane.send(ctx, http.MethodDelete, path); err != nil {
			return err
		}
	}
	return nil
}
