package identity_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/identity"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// A rotating is a mesh with an identity whose CA changes.
type rotating struct {
	*acctest.Handshakes
	env  *acctest.Env
	mesh string
	cas  []*acctest.CA
}

func newRotating(t *testing.T, options ...kumatest.Option) *rotating {
	t.Helper()
	env := acctest.New(t, options...)
	env.NeedTwin()
	r := &rotating{env: env, mesh: env.Mesh()}
	env.Must(http.MethodPut, "/meshes/"+r.mesh, map[string]any{"type": "Mesh", "name": r.mesh, "meshServices": map[string]any{"mode": "Exclusive"}})
	r.Handshakes = env.WatchHandshakes(r.mesh)
	for i := range 3 {
		r.cas = append(r.cas, acctest.NewCA(t, fmt.Sprintf("CA %d", i+1)))
	}
	return r
}

const trustOfOwn = `
resource "kongmesh_mesh_trust" "own" {
  mesh         = $mesh
  name         = "own"
  trust_domain = "acc.example"
  ca_bundles   = [$anchor]
}
`

// config is an identity of a CA, with a trust of its own unless the control plane
// generates one.
func (r *rotating) config(ca *acctest.CA, creation, lines string) string {
	return r.trusting(ca, ca, creation, lines)
}

// trusting is config with another CA in the trust.
func (r *rotating) trusting(ca, anchor *acctest.CA, creation, lines string) string {
	own, depends := trustOfOwn, "depends_on = [kongmesh_mesh_trust.own]"
	if creation == "Enabled" {
		own, depends = "", ""
	}
	return r.env.Config(own+`
resource "kongmesh_mesh_ca_secret" "this" {
  mesh              = $mesh
  name              = "ca"
  certificate_chain = $chain
  private_key       = $key

  lifecycle {
    create_before_destroy = true
  }
}

resource "kongmesh_mesh_identity" "this" {
  mesh      = $mesh
  name      = "payments"
  selector  = { dataplane = { match_labels = {} } }
  spiffe_id = { trust_domain = "acc.example" }
  bundled = {
    ca = {
      certificate = { secret = kongmesh_mesh_ca_secret.this.certificate_secret }
      private_key = { secret = kongmesh_mesh_ca_secret.this.key_secret }
    }
    mesh_trust_creation        = "`+creation+`"
    insecure_allow_self_signed = true
  }
`+lines+"\n"+depends+"\n}\n", "mesh", r.mesh, "chain", ca.Chain, "key", ca.Key, "anchor", anchor.Chain)
}

// nothingLeft checks that no interim object is left.
func (r *rotating) nothingLeft(*terraform.State) error {
	for _, kind := range []string{"secrets", "meshtrusts", "meshidentities"} {
		if list := string(r.env.Must(http.MethodGet, "/meshes/"+r.mesh+"/"+kind, nil)); strings.Contains(list, "-rollout") {
			return fmt.Errorf("interim %s are left: %s", kind, list)
		}
	}
	return nil
}

// trusted returns the certificates in all MeshTrusts.
func (r *rotating) trusted(want int) resource.TestCheckFunc {
	return func(*terraform.State) error {
		var list struct {
			Items []struct{ Spec struct{ CABundles []any } }
		}
		if err := json.Unmarshal(r.env.Must(http.MethodGet, "/meshes/"+r.mesh+"/meshtrusts", nil), &list); err != nil {
			return err
		}
		n := 0
		for _, item := range list.Items {
			n += len(item.Spec.CABundles)
		}
		if n != want {
			return fmt.Errorf("the trusts have %d CAs, not %d", n, want)
		}
		return nil
	}
}

// connect connects proxies, and forgets the handshakes of those that come first:
// the control plane learns the names of their services from them.
func (r *rotating) connect(t *testing.T, n int) {
	t.Helper()
	r.env.ConnectProxies(t, r.mesh, n)
	r.Reset()
}

func (r *rotating) proxy(t *testing.T, name string) *kumatest.Proxy {
	t.Helper()
	for _, proxy := range r.env.Twin.Proxies(r.mesh) {
		if proxy.Name() == name {
			return proxy
		}
	}
	t.Fatalf("no proxy %s", name)
	return nil
}

// identityVersions are those that have MeshIdentity.
var identityVersions = []string{"2.14.3", "3.0-dev"}

// Another CA reaches proxies without a refused handshake, however the trust is
// managed, and while a proxy reconnects.
func TestAccIdentityRotation(t *testing.T) {
	t.Parallel()
	for _, version := range identityVersions {
		for _, creation := range []string{"Enabled", "Disabled"} {
			for name, flapping := range map[string]time.Duration{"quiet": 0, "one reconnects": 7 * time.Second} {
				t.Run(version+", "+creation+", "+name, func(t *testing.T) {
					t.Parallel()
					r := newRotating(t, kumatest.Version(version))
					resource.Test(t, resource.TestCase{
						ProtoV6ProviderFactories: r.env.Provider(),
						Steps: []resource.TestStep{
							{Config: r.config(r.cas[0], creation, "")},
							{
								PreConfig: func() {
									r.connect(t, 4)
									if flapping > 0 {
										r.proxy(t, "dp-2").ReconnectEvery(flapping)
									}
								},
								Config: r.config(r.cas[1], creation, ""),
								Check:  resource.ComposeTestCheckFunc(r.Check, r.nothingLeft, r.trusted(1)),
							},
							{Config: r.config(r.cas[0], creation, ""), Check: resource.ComposeTestCheckFunc(r.Check, r.nothingLeft, r.trusted(1))},
							{
								PreConfig: func() {
									r.env.Pass(t, time.Minute)
									if err := r.Check(nil); err != nil {
										t.Error(err)
									}
									r.env.RemoveProxies(r.mesh)
								},
								Config: r.config(r.cas[0], creation, ""), ConfigPlanChecks: empty(),
							},
						},
					})
				})
			}
		}
	}
}

// The watch finds refusals where there are some: a switch in one write.
func TestAccIdentityRotation_switchRefuses(t *testing.T) {
	t.Parallel()
	r := newRotating(t)
	lines := `rollout = { strategy = "switch" }`
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: r.env.Provider(),
		Steps: []resource.TestStep{
			{Config: r.config(r.cas[0], "Enabled", lines)},
			{
				PreConfig: func() { r.connect(t, 4) },
				Config:    r.config(r.cas[1], "Enabled", lines),
				Check: func(*terraform.State) error {
					r.env.Pass(t, 20*time.Second)
					if len(r.Refused) == 0 {
						return fmt.Errorf("no handshake of %d was refused, so the others show nothing", r.Tried)
					}
					return nil
				},
			},
			{PreConfig: func() { r.env.RemoveProxies(r.mesh) }, Config: r.config(r.cas[1], "Enabled", lines)},
		},
	})
}

// A rotation that stops in the midst goes on with the next apply, also to another
// CA, and breaks nothing meanwhile.
func TestAccIdentityRotation_resumed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		version string
		next    int
	}{"to the same": {"2.14.3", 1}, "back": {"3.0-dev", 0}, "to a third": {"2.14.3", 2}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, next := newRotating(t, kumatest.Version(test.version)), test.next
			const limit = `timeouts = { update = "3m" }`
			resource.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: r.env.Provider(),
				Steps: []resource.TestStep{
					{Config: r.config(r.cas[0], "Disabled", limit)},
					{
						PreConfig: func() { r.connect(t, 4); r.proxy(t, "dp-3").Reject(true) },
						Config:    r.config(r.cas[1], "Disabled", limit),
						ExpectError: acctest.Words("CA rotation stopped", `MeshIdentity "payments"`, `stopped at step "trust"`, "dp-3: it rejects",
							"The mesh trusts both the current and the new CA"),
					},
					{
						PreConfig: func() { r.proxy(t, "dp-3").Reject(false); r.env.Pass(t, 20*time.Second) },
						Config:    r.config(r.cas[next], "Disabled", limit),
						Check:     resource.ComposeTestCheckFunc(r.Check, r.nothingLeft, r.trusted(1)),
					},
					{PreConfig: func() { r.env.RemoveProxies(r.mesh) }, Config: r.config(r.cas[next], "Disabled", limit), ConfigPlanChecks: empty()},
				},
			})
		})
	}
}

// The root above an issuing CA may be in the trust alone, and stays trusted as
// long as certificates depend on it.
func TestAccIdentityRotation_rootInTrustAlone(t *testing.T) {
	t.Parallel()
	r := newRotating(t)
	config := func(n int) string {
		whole := r.cas[n].Intermediate(t, "Sub CA")
		issuer, _, _ := strings.Cut(whole.Chain, "-----END CERTIFICATE-----\n")
		alone := *whole
		alone.Chain = issuer + "-----END CERTIFICATE-----\n"
		return r.trusting(&alone, whole, "Disabled", "")
	}
	first, second := config(0), config(1)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: r.env.Provider(),
		Steps: []resource.TestStep{
			{Config: first},
			{PreConfig: func() { r.connect(t, 3) }, Config: second, Check: resource.ComposeTestCheckFunc(r.Check, r.nothingLeft)},
			{
				PreConfig: func() {
					r.env.Pass(t, time.Minute)
					if err := r.Check(nil); err != nil {
						t.Error(err)
					}
					r.env.RemoveProxies(r.mesh)
				},
				Config: second, ConfigPlanChecks: empty(),
			},
		},
	})
}

// An identity that goes in the midst of a rotation takes the copies of CAs and
// their keys with it.
func TestAccIdentityRotation_destroyedInTheMidst(t *testing.T) {
	t.Parallel()
	r := newRotating(t, kumatest.Version("3.0-dev"))
	const limit = `timeouts = { update = "3m" }`
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: r.env.Provider(),
		CheckDestroy:             r.nothingLeft,
		Steps: []resource.TestStep{
			{Config: r.config(r.cas[0], "Disabled", limit)},
			{
				PreConfig:   func() { r.connect(t, 2); r.proxy(t, "dp-2").Reject(true) },
				Config:      r.config(r.cas[1], "Disabled", limit),
				ExpectError: acctest.Words("CA rotation stopped"),
			},
			{
				PreConfig: func() {
					if r.nothingLeft(nil) == nil {
						t.Error("nothing is in the midst, so this shows nothing")
					}
					r.env.RemoveProxies(r.mesh)
				},
				Config: r.config(r.cas[1], "Disabled", limit), Destroy: true,
			},
		},
	})
}

// A rotation does not end the trust in both CAs before another MeshTrust has the
// new one.
func TestAccIdentityRotation_forgottenTrust(t *testing.T) {
	t.Parallel()
	r := newRotating(t)
	forgotten := func(ca *acctest.CA) string { return r.trusting(ca, r.cas[0], "Disabled", "") }
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: r.env.Provider(),
		Steps: []resource.TestStep{
			{Config: forgotten(r.cas[0])},
			{
				PreConfig:   func() { r.connect(t, 3) },
				Config:      forgotten(r.cas[1]),
				ExpectError: acctest.Words("CA is in no MeshTrust", `MeshIdentity "payments"`, "CN=CA 2", "ca_bundles"),
			},
			{
				PreConfig: func() {
					r.env.Pass(t, time.Minute)
					if err := r.Check(nil); err != nil {
						t.Error(err)
					}
				},
				Config: r.config(r.cas[1], "Disabled", ""),
				Check:  resource.ComposeTestCheckFunc(r.Check, r.nothingLeft, r.trusted(1)),
			},
			{PreConfig: func() { r.env.RemoveProxies(r.mesh) }, Config: r.config(r.cas[1], "Disabled", ""), ConfigPlanChecks: empty()},
		},
	})
}

// A change of the SPIFFE IDs of connected proxies is said at plan.
func TestAccIdentity_newIDs(t *testing.T) {
	t.Parallel()
	r := newRotating(t)
	config := r.config(r.cas[0], "Disabled", "")
	run := acctest.NewRun(t, required+config)
	run.Serve(r.env.Provider())
	run.Terraform("apply", "-auto-approve")
	changed := required + strings.Replace(config, `spiffe_id = { trust_domain = "acc.example" }`, `spiffe_id = { trust_domain = "acc.example", path = "/w/{{ .Workload }}" }`, 1)
	run.Config(changed)
	if output := run.Terraform("plan"); strings.Contains(output, "SPIFFE IDs of proxies change") {
		t.Errorf("no proxy has an ID, and the plan warns:\n%s", output)
	}
	r.connect(t, 1)
	if output := run.Terraform("plan"); !acctest.Words("SPIFFE IDs of proxies change", "Announce").MatchString(output) {
		t.Errorf("the plan does not say that IDs change:\n%s", output)
	}
	r.env.RemoveProxies(r.mesh)
}

// A rotation that ends after the new CA issues takes the previous one out of what
// proxies trust when it resumes, also out of a generated trust.
func TestAccIdentityRotation_resumedAfterIssue(t *testing.T) {
	t.Parallel()
	for _, creation := range []string{"Enabled", "Disabled"} {
		t.Run(creation, func(t *testing.T) {
			t.Parallel()
			r := newRotating(t)
			const limit = `timeouts = { update = "30s" }`
			resource.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: r.env.Provider(),
				Steps: []resource.TestStep{
					{Config: r.config(r.cas[0], creation, limit)},
					{
						PreConfig:   func() { r.connect(t, 3) },
						Config:      r.config(r.cas[1], creation, limit),
						ExpectError: acctest.Words(`stopped at step "issue"`, "did not finish within timeouts.update"),
					},
					{
						PreConfig: func() { r.env.Pass(t, 20*time.Second) },
						Config:    r.config(r.cas[1], creation, ""),
						Check:     resource.ComposeTestCheckFunc(r.Check, r.nothingLeft, r.trusted(1)),
					},
					{PreConfig: func() { r.env.RemoveProxies(r.mesh) }, Config: r.config(r.cas[1], creation, ""), ConfigPlanChecks: empty()},
				},
			})
		})
	}
}

// A change of the CA in one write leaves nothing of the previous one trusted.
func TestAccIdentityRotation_inOneWrite(t *testing.T) {
	t.Parallel()
	inline := func(r *rotating, ca *acctest.CA) string {
		config := r.config(ca, "Disabled", "")
		for member, value := range map[string]string{"certificate": ca.Chain, "private_key": ca.Key} {
			secret := map[string]string{"certificate": "certificate_secret", "private_key": "key_secret"}[member]
			config = strings.Replace(config, "{ secret = kongmesh_mesh_ca_secret.this."+secret+" }", acctest.Fill("{ inline = $value }", "value", value), 1)
		}
		return config
	}
	for name, test := range map[string]struct {
		proxies int
		config  func(*rotating, *acctest.CA) string
	}{
		"no proxies": {0, func(r *rotating, ca *acctest.CA) string { return r.config(ca, "Disabled", "") }},
		"a switch": {2, func(r *rotating, ca *acctest.CA) string {
			return r.config(ca, "Disabled", `rollout = { strategy = "switch" }`)
		}},
		"inline": {2, inline},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRotating(t)
			resource.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: r.env.Provider(),
				Steps: []resource.TestStep{
					{Config: test.config(r, r.cas[0])},
					{
						PreConfig: func() { r.connect(t, test.proxies) },
						Config:    test.config(r, r.cas[1]),
						Check:     resource.ComposeTestCheckFunc(r.nothingLeft, r.trusted(1)),
					},
					{PreConfig: func() { r.env.RemoveProxies(r.mesh) }, Config: test.config(r, r.cas[1]), ConfigPlanChecks: empty()},
				},
			})
		})
	}
}

// CAs that stay trusted because an identity still issues from one of them are
// said by each plan.
func TestAccMeshTrust_keptIsSaid(t *testing.T) {
	t.Parallel()
	r := newRotating(t)
	run := acctest.NewRun(t, required+r.config(r.cas[0], "Disabled", ""))
	run.Serve(r.env.Provider())
	run.Terraform("apply", "-auto-approve")
	run.Config(required + r.trusting(r.cas[0], r.cas[1], "Disabled", ""))
	if output := run.Terraform("apply", "-auto-approve"); strings.Contains(output, "CAs stay trusted") {
		t.Errorf("nothing stays yet:\n%s", output)
	}
	if output := run.Terraform("plan"); !acctest.Words("CAs stay trusted", `MeshIdentity "payments"`, "kumactl delete meshtrust payments-rollout-").MatchString(output) {
		t.Errorf("the plan does not say what stays trusted:\n%s", output)
	}
	run.Config(required + r.config(r.cas[1], "Disabled", ""))
	run.Terraform("apply", "-auto-approve")
	run.NoChanges()
	if err := r.nothingLeft(nil); err != nil {
		t.Error(err)
	}
}

// The plan says what a rotation does.
func TestAccIdentityRotation_plan(t *testing.T) {
	t.Parallel()
	r := newRotating(t)
	run := acctest.NewRun(t, required+r.config(r.cas[0], "Disabled", ""))
	run.Serve(r.env.Provider())
	run.Terraform("apply", "-auto-approve")
	r.connect(t, 3)
	run.Config(required + r.config(r.cas[1], "Disabled", ""))
	plan := strings.Join(strings.Fields(strings.NewReplacer("│", " ", "╷", " ", "╵", " ").Replace(run.Terraform("plan"))), " ")
	const want = "has 3 connected proxies. The CA changes in 4 steps: trust, issue, repeat, final."
	if !strings.Contains(plan, want) {
		t.Errorf("the plan lacks %q:\n%s", want, plan)
	}
	r.env.RemoveProxies(r.mesh)
}

const required = `
terraform {
  required_providers {
    kongmesh = { source = "kongmesh/kongmesh" }
  }
}
`

// Version 3 takes TLS from proxies whose identity has a CA that it rejects: it
// has to accept the new one before an identity with proxies names it.
func TestAccIdentityRotation_probe(t *testing.T) {
	t.Parallel()
	r := newRotating(t, kumatest.Version("3.0-dev"))
	probed := false
	r.env.Twin.Watch(func(time.Time) {
		status, list := r.env.Twin.Do(http.MethodGet, "/meshes/"+r.mesh+"/meshidentities/payments-rollout", nil)
		probed = probed || status == http.StatusOK && strings.Contains(string(list), "-cert")
	})
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: r.env.Provider(),
		Steps: []resource.TestStep{
			{Config: r.config(r.cas[0], "Disabled", "")},
			{
				PreConfig: func() { r.connect(t, 2) },
				Config:    r.config(r.cas[1], "Disabled", ""),
				Check: resource.ComposeTestCheckFunc(r.Check, func(*terraform.State) error {
					if !probed {
						return fmt.Errorf("the control plane did not check the new CA")
					}
					return nil
				}, r.env.Gone("/meshes/"+r.mesh+"/meshidentities/payments-rollout")),
			},
			{PreConfig: func() { r.env.RemoveProxies(r.mesh) }, Config: r.config(r.cas[1], "Disabled", "")},
		},
	})
}

// A trust that proxies need stays, and one that leaves out a CA in use keeps it
// until the identity has another one.
func TestAccMeshTrust_inUse(t *testing.T) {
	t.Parallel()
	r := newRotating(t)
	identity := func(own string) string {
		return strings.Replace(r.config(r.cas[0], "Enabled", ""), `mesh_trust_creation        = "Enabled"`, `mesh_trust_creation = "Disabled"`, 1) + own
	}
	own := func(ca *acctest.CA) string { return acctest.Fill(trustOfOwn, "mesh", r.mesh, "anchor", ca.Chain) }
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: r.env.Provider(),
		Steps: []resource.TestStep{
			{Config: identity(own(r.cas[0]))},
			{
				PreConfig:   func() { r.connect(t, 2) },
				Config:      identity(""),
				ExpectError: acctest.Words("MeshTrust is in use", `MeshIdentity "payments"`, `"dp-1", "dp-2"`),
			},
			{Config: identity(own(r.cas[1])), Check: resource.ComposeTestCheckFunc(r.trusted(2), func(*terraform.State) error {
				r.env.Pass(t, 20*time.Second)
				return r.Check(nil)
			})},
			{PreConfig: func() { r.env.RemoveProxies(r.mesh) }, Config: identity(own(r.cas[1]))},
		},
	})
}

// The interim MeshTrust of an identity is told from others by its name, whatever
// the name of the identity.
func TestInterimTrust(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"payments", "payments-rollout", "a-rollout-b", strings.Repeat("n", 253)} {
		interim := identity.InterimTrust(name, "acc.example")
		if len(interim) > 253 || !identity.IsInterim(interim, "acc.example") {
			t.Errorf("%s is not the interim MeshTrust of %s", interim, name)
		}
		if identity.IsInterim(interim, "other.example") || identity.IsInterim(name, "acc.example") {
			t.Errorf("another MeshTrust is taken for %s", interim)
		}
	}
}
