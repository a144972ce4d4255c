package casecret_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
)

// A bundle is the same CA, whatever was repeated in it and wherever its author
// lets the chain end.
func TestAccCASecret_spellings(t *testing.T) {
	t.Parallel()
	root := acctest.NewCA(t, "Root")
	ca := root.Intermediate(t, "CA")
	again := root.Renewed(t) // signs what root signs, as a cross-signed certificate does
	third := root.Renewed(t)
	alone := strings.TrimSuffix(ca.Chain, root.Chain)
	type spelling struct{ chain, trusted string }
	for name, c := range map[string]struct {
		spellings []spelling
		want      plancheck.ResourceActionType
	}{
		"root twice":          {[]spelling{{ca.Chain + root.Chain, ""}, {ca.Chain, ""}}, plancheck.ResourceActionNoop},
		"issuer twice":        {[]spelling{{alone + ca.Chain, ""}, {ca.Chain, ""}}, plancheck.ResourceActionNoop},
		"ends, then goes on":  {[]spelling{{ca.Chain, again.Chain}, {ca.Chain + again.Chain, ""}, {alone, root.Chain + again.Chain}}, plancheck.ResourceActionNoop},
		"text around":         {[]spelling{{"subject=CA\n" + ca.Chain, ""}, {strings.ReplaceAll(ca.Chain, "\n", "\r\n"), ""}}, plancheck.ResourceActionNoop},
		"trusted in disorder": {[]spelling{{ca.Chain, root.Chain + again.Chain}, {ca.Chain, again.Chain + root.Chain + again.Chain}}, plancheck.ResourceActionNoop},
		// Behind the root, a secret does not tell the order of a chain from that of what is trusted besides.
		"beyond the root":              {[]spelling{{ca.Chain + again.Chain + third.Chain, ""}, {ca.Chain + again.Chain + third.Chain + again.Chain, ""}}, plancheck.ResourceActionNoop},
		"beyond the root, other order": {[]spelling{{ca.Chain + third.Chain + again.Chain, ""}, {ca.Chain + third.Chain + again.Chain + third.Chain, ""}}, plancheck.ResourceActionNoop},
		// An attribute that is new in the configuration shows in the plan.
		"trusted from now on, other order": {[]spelling{{alone + again.Chain + root.Chain, ""}, {alone, again.Chain + root.Chain}}, plancheck.ResourceActionUpdate},
		"trusted from now on":              {[]spelling{{ca.Chain + root.Chain + again.Chain, ""}, {alone, again.Chain + root.Chain}}, plancheck.ResourceActionUpdate},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := acctest.New(t)
			env.NeedMTLS()
			mesh := env.Mesh()
			with := func(s spelling) string {
				text := fixed + backend
				if s.trusted != "" {
					text = strings.Replace(text, "  private_key_wo", "  trusted_certificates = $trusted\n  private_key_wo", 1)
				}
				return env.Config(text, "mesh", mesh, "chain", s.chain, "key", ca.Key, "trusted", s.trusted)
			}
			steps := []resource.TestStep{{Config: with(c.spellings[0])}, {
				PreConfig: env.ResetRequests, RefreshState: true, Check: resource.TestCheckResourceAttr(address, "certificate_chain", c.spellings[0].chain),
			}}
			for _, other := range c.spellings[1:] {
				steps = append(steps, resource.TestStep{Config: with(other), ConfigPlanChecks: action(c.want), Check: env.Wrote()})
			}
			resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: env.Provider(), Steps: steps})
		})
	}
}

// What others uploaded is imported as it is, if the configuration means the
// same: nothing is planned, and nothing written.
func TestAccCASecret_importSpellings(t *testing.T) {
	t.Parallel()
	root := acctest.NewCA(t, "Root")
	ca := root.Intermediate(t, "CA")
	again, other := root.Renewed(t), acctest.NewCA(t, "Other")
	hidden := ca.Chain + "\ufeff" + other.Chain
	for name, c := range map[string]struct {
		secret, chain, trusted string
		want                   plancheck.ResourceActionType
	}{
		"root twice":                   {ca.Chain + root.Chain, ca.Chain + root.Chain, "", plancheck.ResourceActionNoop},
		"cross-signed, as one chain":   {ca.Chain + again.Chain, ca.Chain + again.Chain, "", plancheck.ResourceActionNoop},
		"cross-signed, as trusted":     {ca.Chain + again.Chain, ca.Chain, again.Chain, plancheck.ResourceActionNoop},
		"trusted in the other order":   {ca.Chain + again.Chain + other.Chain, ca.Chain, other.Chain + again.Chain, plancheck.ResourceActionNoop},
		"text between":                 {strings.ReplaceAll(ca.Chain, "-----BEGIN", "# next\n-----BEGIN"), ca.Chain, "", plancheck.ResourceActionNoop},
		"what hides from others shows": {hidden, ca.Chain, other.Chain, plancheck.ResourceActionUpdate},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := acctest.New(t)
			env.NeedMTLS()
			mesh := env.Mesh()
			env.Must(http.MethodPut, "/meshes/"+mesh, map[string]any{"type": "Mesh", "name": mesh})
			env.PutSecret(mesh, "ca.cert", c.secret)
			env.PutSecret(mesh, "ca.key", ca.Key)
			text := strings.NewReplacer("kongmesh_mesh.this.name", "$mesh", "  private_key_wo", "  trusted_certificates = $trusted\n  private_key_wo").
				Replace(fixed[strings.Index(fixed, `resource "kongmesh_mesh_ca_secret"`):] + backend)
			if c.trusted == "" {
				text = strings.ReplaceAll(text, "$trusted", "null")
			}
			env.Must(http.MethodPut, "/meshes/"+mesh, map[string]any{"type": "Mesh", "name": mesh, "mtls": map[string]any{
				"enabledBackend": "ca-1", "backends": []any{map[string]any{
					"name": "ca-1", "type": "provided", "conf": map[string]any{"cert": map[string]any{"secret": "ca.cert"}, "key": map[string]any{"secret": "ca.key"}},
				}},
			}})
			env.ResetRequests()
			wrote := env.Wrote()
			if c.want == plancheck.ResourceActionUpdate {
				wrote = env.Wrote("/meshes/" + mesh + "/secrets/ca.cert")
			}
			full := env.Config(text+`
import {
  to = kongmesh_mesh_ca_secret.this
  id = "`+mesh+`/ca.cert/ca.key"
}
import {
  to = kongmesh_mtls_provided_backend.this
  id = "`+mesh+`/ca-1"
}`, "mesh", mesh, "chain", c.chain, "trusted", c.trusted, "key", ca.Key)
			resource.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: env.Provider(),
				Steps: []resource.TestStep{
					{Config: full, ConfigPlanChecks: action(c.want), Check: wrote},
					{Config: full, ConfigPlanChecks: action(plancheck.ResourceActionNoop)},
				},
			})
			env.Do(http.MethodDelete, "/meshes/"+mesh, nil)
		})
	}
}
