//go:build unix

package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// identity is what the first apply adds to the configuration.
//
//go:embed identity.tf
var identity string

// exclusive is what it changes in the mesh, as an override.
const exclusive = `resource "kongmesh_mesh" "demo" {
  mesh_services = { mode = "Exclusive" }
}
`

// runCrossing moves a mesh from a provided backend to a MeshIdentity with the same CA, while its proxies try handshakes.
func runCrossing(ctx context.Context, out *screen) (err error) {
	out.say("This takes about a minute. The first apply adds a MeshIdentity, and the provider moves the proxies to it. The second one\n" +
		"removes the backend.\n")
	s, err := newStage(ctx, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()

	out.step("Create a mesh that uses your own CA with a provided backend")
	if err := s.tf.runFromPlan(ctx, "apply", "-auto-approve"); err != nil {
		return err
	}

	out.step("Connect five proxies, which get their certificates from this CA")
	for _, name := range proxies { // a MeshIdentity derives the name of a proxy from this label
		s.server.Connect(mesh, name, kumatest.Labels(map[string]string{"kuma.io/workload": name})) //nolint:contextcheck // a call within this process
	}
	if err := s.served(ctx); err != nil {
		return err
	}
	showNames(out, s.server.ControlPlane)

	out.step("First apply: add a MeshIdentity with the same CA, while every proxy tries ten handshakes per second with every other one")
	for file, content := range map[string]string{"identity.tf": identity, "mesh_override.tf": exclusive} {
		if err := os.WriteFile(filepath.Join(s.tf.folder, file), []byte(content), 0o600); err != nil {
			return err
		}
	}
	first, err := s.applyDomains(ctx, 2)
	if err != nil {
		return err
	}
	showNames(out, s.server.ControlPlane)

	out.step("Second apply: remove the backend")
	if err := removeBackend(filepath.Join(s.tf.folder, "main.tf")); err != nil {
		return err
	}
	second, err := s.applyDomains(ctx, 1)
	if err != nil {
		return err
	}

	out.step("Check the result")
	showNames(out, s.server.ControlPlane)
	one, two := first.journal.total(), second.journal.total()
	out.say("\n%s", out.styled("1", fmt.Sprintf("   %d handshakes, %d failed.", one.tried+two.tried, one.failed+two.failed)))
	if err := errors.Join(first.verdict(), second.verdict()); err != nil {
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

// applyDomains plans a change, and applies it while an observer watches, until every proxy trusts CAs of so many trust
// domains: that of the backend is the name of the mesh.
func (s *stage) applyDomains(ctx context.Context, domains int) (*observer, error) {
	if err := s.tf.runFromPlan(ctx, "plan", "-out=change.tfplan"); err != nil {
		return nil, err
	}
	args := s.tf.show([]string{"apply", "change.tfplan"})
	return s.observed(ctx, func(lines *timeline) error {
		if err := s.tf.start(ctx, lines, lines, args...); err != nil {
			return err
		}
		return s.await(ctx, "get the trust bundle", func(h kumatest.Holding) bool { return len(h.Domains) == domains })
	})
}

// showNames prints the name in the certificate of each proxy and its issuer.
func showNames(out *screen, cp *kumatest.ControlPlane) {
	out.say("\n   %-10s %-50s %s", "proxy", "SPIFFE ID", "issuing CA")
	for _, proxy := range cp.Proxies(mesh) {
		if leaf := proxy.Holds().Identity; leaf != nil && len(leaf.URIs) > 0 {
			out.say("   %-10s %-50s %s", proxy.Name(), leaf.URIs[0], leaf.Issuer.CommonName)
		}
	}
}

// removeBackend removes the backend from a copy of the example, whose last block it is.
func removeBackend(file string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, backend, found := strings.Cut(string(content), "resource \"kongmesh_mtls_provided_backend\"")
	if !found || strings.Contains(backend, "\nresource ") {
		return fmt.Errorf("the backend is not the last resource in %s", file)
	}
	return os.WriteFile(file, []byte(before), 0o600)
}
