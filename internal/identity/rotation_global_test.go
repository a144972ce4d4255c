package identity_test

import (
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// At a global control plane, the proxies of its zones get another CA in the same
// steps. It does not report whether an identity is ready.
func TestAccIdentityRotation_global(t *testing.T) {
	t.Parallel()
	for _, version := range identityVersions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			r := newRotating(t, kumatest.Version(version), kumatest.Global())
			resource.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: r.env.Provider(),
				Steps: []resource.TestStep{
					{Config: r.config(r.cas[0], "Disabled", "")},
					{
						PreConfig: func() { r.connect(t, 4) },
						Config:    r.config(r.cas[1], "Disabled", ""),
						Check:     resource.ComposeTestCheckFunc(r.Check, r.nothingLeft, r.trusted(1)),
					},
					{
						PreConfig: func() {
							r.env.Pass(t, time.Minute)
							if err := r.Check(nil); err != nil {
								t.Error(err)
							}
							r.env.RemoveProxies(r.mesh)
						},
						Config: r.config(r.cas[1], "Disabled", ""), ConfigPlanChecks: empty(),
					},
				},
			})
		})
	}
}
