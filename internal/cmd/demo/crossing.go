//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// Names of the crossing. Of two identities with the same selector, the first one by name issues.
const (
	identityName     = "identity"
	announcementName = "zz-announcement"
)

// runCrossing changes a mesh from a provided backend to a MeshIdentity with the same CA, while its proxies try handshakes.
func runCrossing(ctx context.Context, out *screen) (err error) {
	out.say("This takes about half a minute. The mesh changes in 7 steps. After each step, the demo waits until the control plane\n" +
		"and all proxies have the result.\n")
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
	s.connectWorkloads() //nolint:contextcheck // calls within this process
	if err := s.served(ctx); err != nil {
		return err
	}
	showNames(out, s.server.ControlPlane)

	out.step("Change to a MeshIdentity, while every proxy tries ten handshakes per second with every other one")
	current, err := s.meshDocument(ctx)
	if err != nil {
		return err
	}
	seen, err := s.observed(ctx, func(lines *timeline) error { return s.cross(ctx, lines, s.changes(current), pause) })
	if err != nil {
		return err
	}

	out.step("Check the result")
	showNames(out, s.server.ControlPlane)
	all := seen.journal.total()
	out.say("\n%s", out.styled("1", fmt.Sprintf("   %d handshakes, %d failed.", all.tried, all.failed)))
	if err := seen.verdict(); err != nil {
		return err
	}

	out.step("Delete what the requests created, and the proxies, because they block the deletion of the mesh")
	if err := s.removeProxies(ctx); err != nil {
		return err
	}
	for _, path := range []string{"meshtlses/mode", "meshidentities/" + identityName, "meshtrusts/" + identityName} {
		out.say("%s", out.styled("36", "   DELETE /meshes/"+mesh+"/"+path))
		if _, _, err := s.controlPlane.send(ctx, http.MethodDelete, "/meshes/"+mesh+"/"+path, nil); err != nil {
			return err
		}
	}
	return s.showDestroy(ctx, []string{mesh})
}

// connectWorkloads connects the proxies, each with the label from which a MeshIdentity derives its name.
func (s *stage) connectWorkloads() {
	for _, name := range proxies {
		s.server.Connect(mesh, name, kumatest.Labels(map[string]string{"kuma.io/workload": name}))
	}
}

// showNames prints the name in the certificate of each proxy, its issuer, and the trust domains with CAs.
func showNames(out *screen, cp *kumatest.ControlPlane) {
	out.say("\n   %-10s %-50s %s", "proxy", "SPIFFE ID", "issuing CA")
	for _, proxy := range cp.Proxies(mesh) {
		if leaf := proxy.Holds().Identity; leaf != nil && len(leaf.URIs) > 0 {
			out.say("   %-10s %-50s %s", proxy.Name(), leaf.URIs[0], leaf.Issuer.CommonName)
		}
	}
}

// A document is a request body.
type document = map[string]any

// A change is a step of the crossing: a request, and when its result is complete.
type change struct {
	what   string
	method string
	path   string // below the mesh
	body   document
	done   func(context.Context) (bool, error)
}

// cross makes the changes one after the other. It pauses between two checks whether the result of a change is complete.
func (s *stage) cross(ctx context.Context, lines *timeline, changes []change, pause func(context.Context, time.Duration) error) error {
	for i, next := range changes {
		lines.note(time.Now(), "Step %d: %s (%s /meshes/%s%s)", i+1, next.what, next.method, mesh, next.path)
		if _, _, err := s.controlPlane.send(ctx, next.method, "/meshes/"+mesh+next.path, next.body); err != nil {
			return err
		}
		if err := until(ctx, next.done, pause); err != nil {
			return fmt.Errorf("step %d, %s: %w", i+1, next.what, err)
		}
	}
	lines.note(time.Now(), "The mesh has no backend, and all proxies have certificates from the MeshIdentity")
	return nil
}

// changes returns the steps of the crossing.
func (s *stage) changes(current document) []change {
	certificate, key := backendSecrets(current)
	exclusive, without := document{}, document{}
	for name, member := range current {
		exclusive[name] = member
		if name != "mtls" {
			without[name] = member
		}
	}
	exclusive["meshServices"] = document{"mode": "Exclusive"}
	without["meshServices"] = exclusive["meshServices"]

	everybody := document{"dataplane": document{"matchLabels": document{}}}
	secret := func(name string) document {
		return document{"type": "Secret", "secretRef": document{"kind": "Secret", "name": name}}
	}
	identity := func(selector document) document {
		return inMesh("MeshIdentity", identityName, document{"selector": selector, "provider": document{"type": "Bundled", "bundled": document{
			"ca": document{"certificate": secret(certificate), "privateKey": secret(key)},
		}}})
	}
	put := http.MethodPut
	return []change{
		{"MeshServices are Exclusive", put, "", exclusive, s.servicesName("ServiceTag")},
		{"a MeshIdentity without a provider announces the new names", put, "/meshidentities/" + announcementName,
			inMesh("MeshIdentity", announcementName, document{"selector": everybody}), s.servicesName("SpiffeID")},
		{"a MeshIdentity with the CA of the backend selects no proxies", put, "/meshidentities/" + identityName, identity(document{}), s.proxiesTrust(2)},
		{"a MeshTLS keeps the mode of the backend", put, "/meshtlses/mode",
			inMesh("MeshTLS", "mode", document{"rules": []document{{"default": document{"mode": "Strict"}}}}), immediately},
		{"the MeshIdentity selects all proxies", put, "/meshidentities/" + identityName, identity(everybody), s.issuedByIdentity},
		{"the announcement is deleted", http.MethodDelete, "/meshidentities/" + announcementName, nil, immediately},
		{"the mesh loses its backend", put, "", without, s.proxiesTrust(1)},
	}
}

func immediately(context.Context) (bool, error) { return true, nil }

func inMesh(kind, name string, spec document) document {
	return document{"type": kind, "mesh": mesh, "name": name, "spec": spec}
}

// until waits for up to a minute until done reports true.
func until(ctx context.Context, done func(context.Context) (bool, error), pause func(context.Context, time.Duration) error) error {
	for range time.Minute / tick {
		if complete, err := done(ctx); complete || err != nil {
			return err
		}
		if err := pause(ctx, tick); err != nil {
			return err
		}
	}
	return errors.New("the result did not come within a minute")
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// meshDocument reads the mesh.
func (s *stage) meshDocument(ctx context.Context) (document, error) {
	var current document
	err := s.controlPlane.read(ctx, "/meshes/"+mesh, &current)
	return current, err
}

// backendSecrets returns the names of the secrets of the only backend.
func backendSecrets(current document) (certificate, key string) {
	var m struct {
		MTLS struct {
			Backends []struct {
				Conf struct{ Cert, Key struct{ Secret string } }
			}
		}
	}
	raw, err := json.Marshal(current)
	if err != nil || json.Unmarshal(raw, &m) != nil || len(m.MTLS.Backends) == 0 {
		return "", ""
	}
	conf := m.MTLS.Backends[0].Conf
	return conf.Cert.Secret, conf.Key.Secret
}

// servicesName returns a condition: the MeshService of each proxy lists a name of this type.
func (s *stage) servicesName(kind string) func(context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) {
		var list struct {
			Items []struct {
				Spec struct{ Identities []struct{ Type string } }
			}
		}
		if err := s.controlPlane.read(ctx, "/meshes/"+mesh+"/meshservices", &list); err != nil {
			return false, err
		}
		for _, service := range list.Items {
			if !slices.ContainsFunc(service.Spec.Identities, func(identity struct{ Type string }) bool { return identity.Type == kind }) {
				return false, nil
			}
		}
		return len(list.Items) == len(proxies), nil
	}
}

// proxiesTrust returns a condition: each proxy trusts CAs of so many trust domains.
func (s *stage) proxiesTrust(domains int) func(context.Context) (bool, error) {
	return func(context.Context) (bool, error) {
		all := s.server.Proxies(mesh)
		return !slices.ContainsFunc(all, func(p *kumatest.Proxy) bool { return len(p.Holds().Domains) != domains }), nil
	}
}

// issuedByIdentity reports whether the overview shows that each proxy has a certificate from the MeshIdentity.
func (s *stage) issuedByIdentity(ctx context.Context) (bool, error) {
	var list struct {
		Items []struct {
			DataplaneInsight struct {
				MTLS struct{ IssuedBackend string }
			}
		}
	}
	if err := s.controlPlane.read(ctx, "/meshes/"+mesh+"/dataplanes/_overview", &list); err != nil {
		return false, err
	}
	for _, proxy := range list.Items {
		if proxy.DataplaneInsight.MTLS.IssuedBackend != "kri_mid_"+mesh+"_default__"+identityName+"_" {
			return false, nil
		}
	}
	return true, nil
}
