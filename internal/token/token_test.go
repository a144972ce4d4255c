package token_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/echoprovider"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// echo keeps what an ephemeral resource gives, which nothing but a test may do.
func echo(kind, body string) string {
	return fmt.Sprintf("ephemeral %q \"this\" {\n%s\n}\nprovider \"echo\" {\n  data = ephemeral.%s.this\n}\nresource \"echo\" \"this\" {}\n", kind, body, kind)
}

func withEcho(factories map[string]func() (tfprotov6.ProviderServer, error)) map[string]func() (tfprotov6.ProviderServer, error) {
	factories["echo"] = echoprovider.NewProviderServer()
	return factories
}

// A token has what the configuration says in its claims, and says when it expires.
func TestAccToken_claims(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	mesh := env.Mesh()
	env.Must(http.MethodPut, "/meshes/"+mesh, map[string]any{"type": "Mesh", "name": mesh})
	for name, test := range map[string]struct {
		kind, body string
		want       map[string]any
		lifetime   time.Duration
	}{
		"a proxy": {
			"kongmesh_dataplane_token", "mesh = $mesh\n name = \"web-1\"\n valid_for = \"90m\"",
			map[string]any{"Mesh": mesh, "Name": "web-1"}, 90 * time.Minute,
		},
		"proxies with tags": {
			"kongmesh_dataplane_token", "mesh = $mesh\n tags = { \"kuma.io/service\" = [\"a\", \"b\"] }\n type = \"dataplane\"\n valid_for = \"1d\"",
			map[string]any{"Tags": map[string]any{"kuma.io/service": []any{"a", "b"}}, "Type": "dataplane"}, 24 * time.Hour,
		},
		"a user": {
			"kongmesh_user_token", "name = \"john\"\n groups = [\"readers\", \"mesh-system:admin\"]\n valid_for = \"1d12h\"",
			map[string]any{"Name": "john", "Groups": []any{"readers", "mesh-system:admin"}}, 36 * time.Hour,
		},
		"a zone": {
			"kongmesh_zone_token", "zone = \"east\"\n scope = [\"cp\"]\n valid_for = \"30d\"",
			map[string]any{"Zone": "east", "Scope": []any{"cp"}}, 30 * 24 * time.Hour,
		},
	} {
		t.Run(name, func(t *testing.T) {
			check := func(state *terraform.State) error {
				got := state.RootModule().Resources["echo.this"].Primary.Attributes
				var claims map[string]any
				parts := strings.Split(got["data.token"], ".")
				if len(parts) != 3 {
					return fmt.Errorf("not a token")
				}
				payload, err := base64.RawURLEncoding.DecodeString(parts[1])
				if err != nil || json.Unmarshal(payload, &claims) != nil {
					return fmt.Errorf("not a token: %w", err)
				}
				for claim, value := range test.want {
					if fmt.Sprint(claims[claim]) != fmt.Sprint(value) {
						return fmt.Errorf("%s is %v, not %v", claim, claims[claim], value)
					}
				}
				expires, err := time.Parse(time.RFC3339, got["data.expires_at"])
				if left := expires.Sub(env.Clock.Now()); err != nil || left > test.lifetime || left < test.lifetime-time.Minute {
					return fmt.Errorf("it expires in %s: %w", left, err)
				}
				if claims["jti"] != got["data.token_id"] || got["data.key_id"] != "1" {
					return fmt.Errorf("ID %q, key %q", got["data.token_id"], got["data.key_id"])
				}
				return nil
			}
			resource.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: withEcho(env.Provider()),
				Steps:                    []resource.TestStep{{Config: env.Config(echo(test.kind, test.body), "mesh", mesh), Check: check}},
			})
		})
	}
}

// What a version does not know of a token is an error, not a token for more.
func TestAccToken_workload(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.Must(http.MethodPut, "/meshes/default", map[string]any{"type": "Mesh", "name": "default"})
	knows := strings.Contains(string(env.Must(http.MethodGet, "/_resources", nil)), `"Workload"`)
	step := resource.TestStep{Config: env.Config(echo("kongmesh_dataplane_token", "mesh = \"default\"\n workload = \"web\"\n valid_for = \"1h\""))}
	if !knows {
		step.ExpectError = acctest.Words("Control plane dropped part of the token", "without workload")
	}
	resource.Test(t, resource.TestCase{ProtoV6ProviderFactories: withEcho(env.Provider()), Steps: []resource.TestStep{step}})
}

func TestAccToken_badInput(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	for name, test := range map[string]struct{ kind, body, want string }{
		"no mesh":            {"kongmesh_dataplane_token", `valid_for = "1h"`, `The argument "mesh" is required`},
		"no lifetime":        {"kongmesh_dataplane_token", `mesh = "default"`, `The argument "valid_for" is required`},
		"empty proxy":        {"kongmesh_dataplane_token", "mesh = \"default\"\n name = \"\"\n valid_for = \"1h\"", `it is empty`},
		"unknown type":       {"kongmesh_dataplane_token", "mesh = \"default\"\n type = \"x\"\n valid_for = \"1h\"", `it must be one of`},
		"no value":           {"kongmesh_dataplane_token", "mesh = \"default\"\n tags = { a = [] }\n valid_for = \"1h\"", `at least 1 elements`},
		"unknown mesh":       {"kongmesh_dataplane_token", "mesh = \"nosuch\"\n valid_for = \"1h\"", `No such mesh`},
		"empty user":         {"kongmesh_user_token", "name = \"\"\n valid_for = \"1h\"", `it is empty`},
		"empty group":        {"kongmesh_user_token", "name = \"a\"\n groups = [\"\"]\n valid_for = \"1h\"", `it is empty`},
		"no scope":           {"kongmesh_zone_token", "zone = \"a\"\n scope = []\n valid_for = \"1h\"", `at least 1 elements`},
		"unknown scope":      {"kongmesh_zone_token", "zone = \"a\"\n scope = [\"x\"]\n valid_for = \"1h\"", `it must be one of`},
		"empty zone":         {"kongmesh_zone_token", "zone = \"\"\n scope = [\"cp\"]\n valid_for = \"1h\"", `Invalid name`},
		"zero":               {"kongmesh_user_token", "name = \"a\"\n valid_for = \"0s\"", `at least one minute`},
		"negative":           {"kongmesh_user_token", "name = \"a\"\n valid_for = \"-1h\"", `at least one minute`},
		"less than a minute": {"kongmesh_user_token", "name = \"a\"\n valid_for = \"59s\"", `at least one minute`},
		"no duration":        {"kongmesh_user_token", "name = \"a\"\n valid_for = \"soon\"", `it is not a duration such as 90m, 24h or 30d`},
	} {
		t.Run(name, func(t *testing.T) {
			env.PlanFails(t, fmt.Sprintf("ephemeral %q \"this\" {\n%s\n}\n", test.kind, test.body), test.want)
		})
	}
}

// What a version does not take is refused on the attribute: Kuma 3 has proxies of
// one type. It takes a scope of any name, so the provider has a list of them.
func TestAccToken_typeOnKuma3(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.Version("3.0"))
	env.PlanFails(t, "ephemeral \"kongmesh_dataplane_token\" \"this\" {\n mesh = \"default\"\n type = \"ingress\"\n valid_for = \"1h\"\n}\n",
		"Control plane rejected the change", "rejected type: ingress is not a valid proxy type")
}

// A token of more than 90 days is a warning.
func TestAccToken_longLifetime(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t)
	for lifetime, warns := range map[string]bool{"90d": false, "90d1m": true, "8760h": true} {
		t.Run(lifetime, func(t *testing.T) {
			t.Parallel()
			run := acctest.NewRun(t, acctest.Fill(source+"ephemeral \"kongmesh_user_token\" \"this\" {\n  name = \"a\"\n  valid_for = $lifetime\n}\n", "lifetime", lifetime))
			run.Setenv("KONGMESH_ADDRESS=" + env.Address)
			if output := run.Terraform("plan"); strings.Contains(output, "Warning: Token lifetime is long") != warns {
				t.Error(output)
			}
		})
	}
}

// Without a signing key the error says so, and not that the mesh is missing.
func TestAccToken_noSigningKey(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	env.NeedTwin() // other tests need the key
	env.Must(http.MethodDelete, "/meshes/default/secrets/dataplane-token-signing-key-default-1", nil)
	env.Must(http.MethodDelete, "/global-secrets/user-token-signing-key-1", nil)
	for kind, body := range map[string]string{"kongmesh_dataplane_token": "mesh = \"default\"", "kongmesh_user_token": "name = \"a\""} {
		env.PlanFails(t, fmt.Sprintf("ephemeral %q \"this\" {\n%s\nvalid_for = \"1h\"\n}\n", kind, body), "Signing key not found", "kumactl generate signing-key")
	}
}

// A user token that an admin issues is the token of another provider block: the
// control plane takes it, and lets the user do what the user's groups may do.
func TestAccToken_asProvidersToken(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t, kumatest.Authentication())
	admin := env.AdminToken()
	for groups, works := range map[string]bool{`"mesh-system:admin"`: true, `"readers"`: false} {
		t.Run(groups, func(t *testing.T) {
			t.Parallel()
			name := "acc-" + strings.Trim(strings.ReplaceAll(groups, ":", "-"), `"`)
			t.Cleanup(func() { env.Do(http.MethodDelete, "/global-secrets/"+name, nil) })
			run := acctest.NewRun(t, strings.ReplaceAll(acctest.Fill(source+`
				ephemeral "kongmesh_user_token" "lesser" {
					name      = "lesser"
					groups    = [GROUPS]
					valid_for = "10m"
				}
				provider "kongmesh" {
					alias   = "lesser"
					address = $address
					token   = ephemeral.kongmesh_user_token.lesser.token
				}
				resource "kongmesh_global_secret" "this" {
					provider = kongmesh.lesser
					name     = $name
					value_wo = "x"
				}
			`, "address", env.Address, "name", name), "GROUPS", groups))
			run.Setenv("KONGMESH_ADDRESS="+env.Address, "KONGMESH_TOKEN="+admin, "TF_LOG=TRACE", "TF_LOG_PATH="+run.Path("trace.log"))
			output, err := run.Try("apply", "-auto-approve")
			if (err == nil) != works || !works && !acctest.Words("Permission denied").MatchString(output) {
				t.Errorf("%v\n%s", err, output)
			}
			if works {
				run.NoChanges()
			}
			nowhere(t, run, output)
		})
	}
}

const source = `
	terraform {
		required_providers {
			kongmesh = { source = "kongmesh/kongmesh" }
		}
	}
`

// nowhere checks that what a run leaves, and what it printed, has no token in it.
func nowhere(t *testing.T, run *acctest.Run, output string) {
	t.Helper()
	texts := map[string]string{"output": output}
	for _, file := range []string{"terraform.tfstate", "saved.plan", "trace.log"} {
		texts[file] = run.Unpacked(file)
	}
	for where, text := range texts {
		if jwt.MatchString(text) {
			t.Errorf("%s has a token", where)
		}
	}
	if !strings.Contains(texts["trace.log"], "kongmesh") {
		t.Error("there is no log to search")
	}
}

// jwt is the form of a token.
var jwt = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.`)

// A token of each kind is in no plan, no state, no output and no log: not where it
// is the value of a write-only attribute or of a provider block either.
func TestAccToken_nowhere(t *testing.T) {
	t.Parallel()
	env := acctest.NewReal(t)
	mesh := env.Mesh()
	env.Must(http.MethodPut, "/meshes/"+mesh, map[string]any{"type": "Mesh", "name": mesh})
	run := acctest.NewRun(t, acctest.Fill(source+`
		ephemeral "kongmesh_user_token" "reader" {
			name      = "reader"
			groups    = ["mesh-system:admin"]
			valid_for = "1h"
		}
		ephemeral "kongmesh_dataplane_token" "web" {
			mesh      = $mesh
			name      = "web-1"
			valid_for = "1h"
		}
		ephemeral "kongmesh_zone_token" "east" {
			zone      = "east"
			scope     = ["cp"]
			valid_for = "1h"
		}
		provider "kongmesh" {
			alias   = "reader"
			address = $address
			token   = ephemeral.kongmesh_user_token.reader.token
		}
		data "kongmesh_control_plane" "this" {
			provider = kongmesh.reader
		}
		resource "kongmesh_mesh_secret" "tokens" {
			mesh             = $mesh
			name             = "tokens"
			value_wo         = jsonencode([ephemeral.kongmesh_dataplane_token.web.token, ephemeral.kongmesh_zone_token.east.token])
			value_wo_version = 1
		}
	`, "address", env.Address, "mesh", mesh))
	run.Setenv("KONGMESH_ADDRESS="+env.Address, "TF_LOG=TRACE", "TF_LOG_PATH="+run.Path("trace.log"))
	output := run.Terraform("plan", "-out=saved.plan")
	output += run.Terraform("apply", "saved.plan")
	output += run.NoChanges()
	nowhere(t, run, output)
	if secret := string(env.Must(http.MethodGet, "/meshes/"+mesh+"/secrets/tokens", nil)); !strings.Contains(secret, "data") {
		t.Errorf("the secret is %s", secret)
	}
	run.Terraform("destroy", "-auto-approve")
}
