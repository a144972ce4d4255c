package provider_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// What a query shows of every object is a valid configuration, as Terraform
// generates it: the control plane and the provider fill in nothing that another
// attribute excludes. Sensitive values are missing, which is said where one is needed.
func TestAccGenerated(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.Version("2.14.3")) // which has every part of a mesh
	env.NeedTwin()                                    // an identity waits for an extension until its timeout
	missing := map[string]string{
		"kongmesh_mesh_ca_secret":        "No private key: ",
		"kongmesh_mesh_secret":           "Value is missing: ",
		"kongmesh_global_secret":         "Value is missing: ",
		"kongmesh_mtls_provided_backend": "Currently, none of them is set.", // of an inline key
		"kongmesh_mesh_identity":         "Currently, none of them is set.", // likewise
	}
	config := everythingOf(t, env)
	check := func(*terraform.State) error {
		provider := env.Protocol()
		for kind := range provider.Schemas.ListResourceSchemas {
			objects, problems := provider.Query(kind, anyOf(kind), 0, true)
			provider.NoProblems(problems)
			if len(objects) == 0 {
				return fmt.Errorf("no %s was found", kind)
			}
			for _, object := range objects {
				config := provider.Generated(kind, object.State)
				for _, problem := range provider.Validate(kind, config) {
					said, allowed := problem.Summary+": "+problem.Detail, missing[kind]
					if problem.Severity == tfprotov6.DiagnosticSeverityError && (allowed == "" || !strings.Contains(said, allowed)) {
						t.Errorf("%s %s: %s", kind, object.Name, said)
					}
				}
			}
		}
		return nil
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps:                    []resource.TestStep{{Config: config(true), Check: check}, {Config: config(false), Check: check}},
	})
}
