//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/cmd/authority"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// mesh is what the example's mesh is called.
const mesh = "demo"

// proxies are those that connect to it.
var proxies = []string{"orders", "payments", "stock", "mail", "web"}

// runRotation is the second act: the CA of a mesh is replaced while its proxies talk to one another.
func runRotation(ctx context.Context, out *screen) (err error) {
	out.say("This takes about a minute: the CA changes in three steps, and after each of them the provider\n" +
		"waits until every proxy is known to have got it, 15 seconds at least.\n")
	s, err := newStage(ctx, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()

	out.step("A mesh with a CA of one's own")
	if err := s.tf.runFrom(ctx, "Plan:", "apply", "-auto-approve"); err != nil {
		return err
	}

	out.step("Five proxies connect, and get their certificates from it")
	for _, name := range proxies {
		s.server.Connect(mesh, name) //nolint:contextcheck // it is a call within this process
	}
	if err := s.served(ctx); err != nil {
		return err
	}
	showProxies(out, s.server.ControlPlane)

	out.step("Another root, intermediate and key: the plan says how the CA will change")
	if err := authority.Write(s.tf.folder, "Next"); err != nil {
		return err
	}
	if err := s.tf.runFrom(ctx, "Plan:", "plan", "-out=rotation.tfplan"); err != nil {
		return err
	}

	out.step("One apply, while every proxy tries every other one ten times a second")
	seen, err := s.rotate(ctx, "rotation.tfplan")
	if err != nil {
		return err
	}

	out.step("What came of it")
	if err := s.showRotated(ctx, seen); err != nil {
		return err
	}
	if err := s.showEmptyPlan(ctx); err != nil {
		return err
	}

	out.step("The proxies go, as a mesh with proxies cannot be deleted")
	if err := s.removeProxies(ctx); err != nil {
		return err
	}
	return s.showDestroy(ctx, []string{mesh})
}

// served waits until every proxy has a certificate.
func (s *stage) served(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		all := s.server.Proxies(mesh)
		if !slices.ContainsFunc(all, func(p *kumatest.Proxy) bool { return p.Holds().Identity == nil }) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("some proxies got no certificate: %w", ctx.Err())
		case <-time.After(tick):
		}
	}
}

// showProxies prints what each proxy has in its hands.
func showProxies(out *screen, cp *kumatest.ControlPlane) {
	out.say("\n   %-10s %-18s %s", "proxy", "certificate from", "trusts")
	for _, proxy := range cp.Proxies(mesh) {
		holding := proxy.Holds()
		if holding.Identity == nil {
			out.say("   %-10s %s", proxy.Name(), "nothing yet")
			continue
		}
		out.say("   %-10s %-18s %s", proxy.Name(), holding.Identity.Issuer.CommonName, commonNames(holding.Bundle))
	}
}

// rotate applies the plan under the eyes of an observer.
func (s *stage) rotate(ctx context.Context, plan string) (*observer, error) {
	args := s.tf.show([]string{"apply", plan})
	s.out.say("")
	lines := newTimeline(s.out, time.Now())
	seen := observe(s.server.ControlPlane, mesh, lines) //nolint:contextcheck // requests within this process
	ticks, stop := context.WithCancel(ctx)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		seen.tick(ticks)
	}()

	err := s.tf.start(ctx, lines, lines, args...)
	stop()
	<-stopped
	s.server.Advance() // for what happened since the last tick
	seen.stop()
	lines.flush()
	return seen, err
}

// showRotated shows how it went, and fails if a proxy refused another one or a pair is left.
func (s *stage) showRotated(ctx context.Context, seen *observer) error {
	showProxies(s.out, s.server.ControlPlane)
	found, err := s.controlPlane.showSecrets(ctx, mesh)
	if err != nil {
		return err
	}
	named := seen.named
	s.out.say("\n   Pairs that the mesh named:")
	for i, pair := range named {
		what := "gone"
		switch {
		case i == len(named)-1:
			what = "in use"
		case slices.ContainsFunc(found, func(secret string) bool { return strings.HasPrefix(secret, pair) }):
			what = "still there"
			err = errors.Join(err, fmt.Errorf("the pair %s is still there", pair))
		}
		s.out.say("   %-36s %s", pair, what)
	}
	s.out.say("\n%s", s.out.styled("1", fmt.Sprintf("   %d handshakes, %d of them refused.", seen.tried, len(seen.refused))))
	return errors.Join(err, seen.verdict())
}

// removeProxies lets the mesh be deleted.
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
