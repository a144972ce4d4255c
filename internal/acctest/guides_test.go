package acctest_test

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// A guide's first block of HCL is a whole configuration, which is applied, with
// another CA after that, plans clean and is destroyed. Each other block is
// pasted into it, over what has the same name there, and does the same.
func TestAccGuides(t *testing.T) {
	t.Parallel()
	guides, err := filepath.Glob(filepath.Join("..", "..", "templates", "guides", "*.md.tmpl"))
	if err != nil || len(guides) == 0 {
		t.Fatalf("there are no guides: %v", err)
	}
	for _, guide := range guides {
		name := strings.TrimSuffix(filepath.Base(guide), ".md.tmpl")
		content, err := os.ReadFile(guide)
		if err != nil {
			t.Fatal(err)
		}
		blocks := fenced(t, string(content))
		for i, block := range blocks {
			t.Run(fmt.Sprintf("%s/block %d", name, i+1), func(t *testing.T) {
				t.Parallel()
				pasted(t, paste(t, blocks[0], block))
			})
		}
	}
}

func pasted(t *testing.T, config string) {
	t.Helper()
	env := acctest.NewReal(t, kumatest.KongMesh()) // it refuses nothing that Kuma takes
	run := acctest.NewRun(t, config)
	run.Setenv("KONGMESH_ADDRESS=" + env.Address)
	run.Write("next-ca.pem", acctest.NewCA(t, "Next CA").Chain)
	for _, name := range []string{"Mesh CA", "Another Mesh CA"} {
		ca := acctest.NewCA(t, "Root CA").Intermediate(t, name)
		run.Write("ca-chain.pem", ca.Chain)
		run.Write("ca-key.pem", ca.Key)
		run.Terraform("apply", "-auto-approve")
		output := run.Terraform("plan", "-detailed-exitcode")
		if !strings.Contains(output, "No changes.") {
			t.Errorf("there are changes:\n%s", output)
		}
		if strings.Contains(output, "Warning: Check block") {
			t.Errorf("a check of the guide fails:\n%s", output)
		}
	}
	run.Terraform("destroy", "-auto-approve")
}

var (
	fence   = regexp.MustCompile("(?ms)^( *)```([a-z]*)\n(.*?)^ *```$")
	topMost = regexp.MustCompile(`(?ms)^([a-z]+[^\n{]*) \{(?:\n.*?^)?\}$`)
)

// fenced returns the blocks of HCL. Each block says in what language it is.
func fenced(t *testing.T, text string) []string {
	t.Helper()
	var blocks []string
	for _, match := range fence.FindAllStringSubmatch(text, -1) {
		indent, language, block := match[1], match[2], match[3]
		switch language {
		case "terraform":
			lines := strings.SplitAfter(block, "\n")
			for i := range lines {
				lines[i] = strings.TrimPrefix(lines[i], indent)
			}
			blocks = append(blocks, strings.Join(lines, ""))
		case "shell", "text":
		default:
			t.Errorf("a block is in %q, which is not checked:\n%s", language, block)
		}
	}
	if len(blocks) == 0 {
		t.Fatal("no HCL in it")
	}
	return blocks
}

// paste puts the parts of a block in place of those of the same name.
func paste(t *testing.T, config, block string) string {
	t.Helper()
	parts := make(map[string]string)
	for _, text := range []string{config, block} {
		found := topMost.FindAllStringSubmatch(text, -1)
		if len(found) == 0 {
			t.Fatalf("nothing to paste in\n%s", text)
		}
		for _, match := range found {
			parts[match[1]] = match[0]
		}
	}
	return strings.Join(slices.Sorted(maps.Values(parts)), "\n\n") + "\n"
}

// The parts that blocks are put together from are those that are in them.
func TestGuideBlocks(t *testing.T) {
	t.Parallel()
	blocks := fenced(t, "text\n```terraform\nterraform {\n  a {\n  }\n}\n\n# b\nprovider \"p\" {}\n\nresource \"r\" \"s\" {\n  x = 1\n}\n```\n"+
		"1. item\n\n   ```terraform\n   resource \"r\" \"s\" {\n     x = 2\n   }\n\n   check \"c\" {\n   }\n   ```\n```shell\nls\n```\n")
	if len(blocks) != 2 {
		t.Fatalf("%d blocks: %q", len(blocks), blocks)
	}
	want := "check \"c\" {\n}\n\nprovider \"p\" {}\n\nresource \"r\" \"s\" {\n  x = 2\n}\n\nterraform {\n  a {\n  }\n}\n"
	if got := paste(t, blocks[0], blocks[1]); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// The way from a builtin backend on Kong Mesh, as the guide has it: no proxy
// refuses another one.
func TestAccGuides_fromBuiltin(t *testing.T) {
	t.Parallel()
	env := acctest.New(t, kumatest.KongMesh())
	mesh, ca := env.Mesh(), acctest.NewCA(t, "CA")
	path := "/meshes/" + mesh
	env.Must(http.MethodPut, path, map[string]any{"type": "Mesh", "name": mesh, "mtls": map[string]any{
		"enabledBackend": "ca-1", "backends": []any{map[string]any{"name": "ca-1", "type": "builtin"}},
	}})
	pass := func() {
		if err := env.Clock.Sleep(t.Context(), 20*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		env.Twin.Connect(mesh, fmt.Sprintf("dp-%d", i+1))
	}
	pass()
	tried := 0
	env.Twin.Watch(func(time.Time) {
		n, refused := env.Twin.Handshakes(mesh)
		tried += n
		for _, refusal := range refused {
			t.Error(refusal)
		}
	})
	config := func(enabled bool) string {
		return env.Config(fmt.Sprintf(`
			resource "kongmesh_mesh_ca_secret" "this" {
				mesh              = $mesh
				name              = "ca"
				certificate_chain = $chain
				private_key_wo    = $key
			}
			resource "kongmesh_mtls_provided_backend" "this" {
				mesh    = $mesh
				name    = "ca-2"
				enabled = %t
				cert    = { secret = kongmesh_mesh_ca_secret.this.certificate_secret }
				key     = { secret = kongmesh_mesh_ca_secret.this.key_secret }
			}
		`, enabled), "mesh", mesh, "chain", ca.Chain, "key", ca.Key)
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Provider(),
		Steps: []resource.TestStep{
			{Config: config(false)},
			{PreConfig: pass, Config: config(true)},
			{
				PreConfig: func() {
					pass()
					env.Change(path, func(document map[string]any) {
						mtls, _ := document["mtls"].(map[string]any)
						backends, _ := mtls["backends"].([]any)
						mtls["backends"] = backends[1:]
					})
					pass()
				},
				Config: config(true),
				Check: func(*terraform.State) error {
					document := string(env.Must(http.MethodGet, path, nil))
					if tried == 0 || strings.Contains(document, "builtin") || !strings.Contains(document, `"ca-2"`) {
						return fmt.Errorf("%d handshakes were tried, and the mesh is %s", tried, document)
					}
					return nil
				},
			},
		},
	})
}
