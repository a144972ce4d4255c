package acctest_test

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"io/fs"
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
	"go.yaml.in/yaml/v3"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// rootPages returns the pages in the root of the repository that have commands or links to follow.
func rootPages() []string {
	return []string{filepath.Join("..", "..", "README.md"), filepath.Join("..", "..", "CONTRIBUTING.md")}
}

// Every guide, README and CONTRIBUTING can be followed with its commands alone.
func TestAccGuides(t *testing.T) {
	t.Parallel()
	guides, err := filepath.Glob(filepath.Join("..", "..", "templates", "guides", "*.md.tmpl"))
	if err != nil || len(guides) == 0 {
		t.Fatalf("there are no guides: %v", err)
	}
	for _, guide := range append(guides, rootPages()...) {
		content, err := os.ReadFile(guide)
		if err != nil {
			t.Fatal(err)
		}
		name, _, _ := strings.Cut(filepath.Base(guide), ".")
		if fence.FindString(string(content)) == "" && strings.Contains(string(content), "{{tffile ") {
			continue // it shows examples alone, which have tests of their own
		}
		blocks := fenced(t, string(content))
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			formatted(t, blocks)
			if name == "rotating-a-ca" {
				variants(t, blocks)
				return
			}
			told(t, name, blocks)
		})
	}
}

// formatted checks the form of HCL, of what cannot be run here as well.
func formatted(t *testing.T, blocks []block) {
	t.Helper()
	run := acctest.NewRun(t, "")
	for i, b := range blocks {
		if b.language == "terraform" {
			run.Write(fmt.Sprintf("block-%d.tf", i+1), b.text)
		}
	}
	if output, err := run.Try("fmt", "-check", "-diff"); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}

// variants are of a configuration that is there already: each block is pasted
// into the first one, and applied with a CA and then with another, which the
// commands of the guide make.
func variants(t *testing.T, blocks []block) {
	t.Helper()
	var configs, commands []string
	for _, b := range blocks {
		switch b.language {
		case "terraform":
			configs = append(configs, b.text)
		case "shell":
			commands = append(commands, b.text)
		}
	}
	for i, config := range configs {
		t.Run(fmt.Sprintf("block %d", i+1), func(t *testing.T) {
			t.Parallel()
			env := lenient(t)
			s := &story{Run: acctest.NewRun(t, paste(t, configs[0], config)), t: t, env: env}
			s.Serve(env.Provider())
			newFiles(t, s.Run)
			s.Write("next-ca.pem", acctest.NewCA(t, "Next CA").Chain)
			s.applyAll()
			s.commands(strings.Join(commands, ""), false)
			s.applyAll()
			s.must("terraform destroy -auto-approve")
		})
	}
}

var (
	fence   = regexp.MustCompile("(?ms)^( *)```([a-z]*)\n(.*?)^ *```$")
	topMost = regexp.MustCompile(`(?ms)^([a-z]+[^\n{]*) \{(?:[^\n]*\}|\n.*?^\})$`)
	named   = regexp.MustCompile(`^# ([a-z.-]+\.(?:tf|tofu|hcl))\n`)
	cloud   = regexp.MustCompile(`(?ms)^  cloud \{\n.*?^  \}\n`)
)

type block struct {
	language, text string
	section        int // blocks of one section have the same
}

// fenced returns the blocks. Each says in what language it is.
func fenced(t *testing.T, text string) []block {
	t.Helper()
	var blocks []block
	section, end := 0, 0
	for _, at := range fence.FindAllStringSubmatchIndex(text, -1) {
		section += strings.Count(text[end:at[0]], "\n#")
		end = at[1]
		indent, language, text := text[at[2]:at[3]], text[at[4]:at[5]], text[at[6]:at[7]]
		if !slices.Contains([]string{"terraform", "shell", "text", "yaml", "mermaid"}, language) {
			t.Errorf("a block is in %q, which is not checked:\n%s", language, text)
		}
		lines := strings.SplitAfter(text, "\n")
		for i := range lines {
			lines[i] = strings.TrimPrefix(lines[i], indent)
		}
		blocks = append(blocks, block{language, strings.Join(lines, ""), section})
	}
	if len(blocks) == 0 {
		t.Fatal("no blocks in it")
	}
	return blocks
}

// story is a guide that is being followed, in a folder and from top to bottom.
//
// HCL whose first line is the name of a file goes there. Other HCL with a
// terraform block is a configuration of its own, and what is without one is
// pasted into the last of those, which is applied where no commands follow.
// Commands must succeed, or fail where the text behind them is an error, and
// what is shown of them is what they print.
type story struct {
	*acctest.Run
	t       *testing.T
	env     *acctest.Env
	whole   string // the last whole configuration
	applied bool
	before  string // export and cd stay in force
	printed string // by the last block of commands
}

// lenient is a control plane for this test alone: the embedded Kong Mesh, which
// refuses nothing that Kuma takes, or the real one.
func lenient(t *testing.T) *acctest.Env {
	t.Helper()
	var options []kumatest.Option
	if os.Getenv("KONGMESH_ADDRESS") == "" {
		options = append(options, kumatest.KongMesh())
	}
	env := acctest.New(t, options...)
	needBoth(env)
	own(env)
	return env
}

func told(t *testing.T, name string, blocks []block) {
	t.Helper()
	var env *acctest.Env
	if name == "kubernetes" {
		env = acctest.NewReal(t, kumatest.Kubernetes())
	} else {
		env = lenient(t)
	}
	run := acctest.NewRun(t, "")
	files := newFiles(t, run)
	if name != "kubernetes" { // where a process of its own finds ~/.kube/config
		run.Serve(env.Provider(), standIns(files), acctest.Vendor())
	}
	prepare(t, name, env, run)
	s := &story{Run: run, t: t, env: env}
	for i, b := range blocks {
		var previous, next block
		if i > 0 && blocks[i-1].section == b.section {
			previous = blocks[i-1]
		}
		if i+1 < len(blocks) {
			next = blocks[i+1]
		}
		switch b.language {
		case "terraform":
			s.configure(b.text, next.language == "shell" && strings.Contains(next.text, "terraform "))
		case "yaml":
			s.apply(b.text)
		case "shell":
			s.commands(b.text, next.language == "text" && next.section == b.section && strings.Contains(next.text, "Error:"))
		case "text":
			if previous.language == "shell" {
				s.shown(b.text)
			}
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	s.destroy()
}

// prepare is what a guide begins with, beside a control plane and a CA in files.
func prepare(t *testing.T, name string, env *acctest.Env, run *acctest.Run) {
	t.Helper()
	repository, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	// What make would do takes minutes: that there is such a target is what is tested.
	run.Tool("make", "exec /usr/bin/env -i PATH=\"${PATH#*:}\" make --no-print-directory -n -C '"+repository+"' \"$@\"")
	run.Tool("git", `ln -sfn . "$(basename "$2")"`) // a clone of the repository is the folder of the test
	switch name {
	case "README":
		if err := os.CopyFS(run.Path("examples"), os.DirFS(examples)); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(run.Path("build"), 0o700); err != nil {
			t.Fatal(err)
		}
		run.Write(filepath.Join("build", "dev.tfrc"), "")
	case "from-kumactl":
		env.Must(http.MethodPut, "/meshes/payments", map[string]any{"type": "Mesh", "name": "payments"})
		for secret, file := range map[string]string{"payments-ca-cert": "ca-chain.pem", "payments-ca-key": "ca-key.pem"} {
			env.PutSecret("payments", secret, string(run.Read(file)))
		}
	case "from-kong-mesh-provider":
		moveIn(t, env, run)
	case "kubernetes":
		kubectl(t, env, run)
	}
}

// kubectl lets the provider find a cluster as kubectl does.
func kubectl(t *testing.T, env *acctest.Env, run *acctest.Run) {
	t.Helper()
	home := t.TempDir()
	if err := os.Mkdir(filepath.Join(home, ".kube"), 0o700); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(home, ".kube", "config")
	if err := os.WriteFile(config, []byte(env.Twin.Kubernetes.Kubeconfig()), 0o600); err != nil {
		t.Fatal(err)
	}
	run.Setenv("HOME="+home, "KUBE_CONFIG_PATH="+config, "KONGMESH_ADDRESS="+env.Address)
}

// moveIn makes what a state of the vendor's provider has, with the CA of the
// files in place of its own.
func moveIn(t *testing.T, env *acctest.Env, run *acctest.Run) {
	t.Helper()
	state, oldChain, oldKey := acctest.VendorState(t)
	chain, key := string(run.Read("ca-chain.pem")), string(run.Read("ca-key.pem"))
	encoded := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	run.Write("terraform.tfstate", strings.NewReplacer(
		"registry.terraform.io", cmp.Or(os.Getenv("TF_ACC_PROVIDER_HOST"), "registry.terraform.io"),
		encoded(oldChain), encoded(chain), encoded(oldKey), encoded(key),
	).Replace(state))
	env.VendorObjects(chain, key)
}

func (s *story) configure(text string, commanded bool) {
	s.t.Helper()
	text = cloud.ReplaceAllString(text, "") // there is no HCP Terraform here
	if file := named.FindStringSubmatch(text); file != nil {
		s.Write(file[1], text)
		return
	}
	if strings.Contains("\n"+text, "\nterraform {") {
		s.whole = text
	}
	s.Config(paste(s.t, s.whole, text))
	s.applied = true
	if commanded {
		return
	}
	s.applyAll()
}

// applyAll applies, and has nothing to change or to warn of then.
func (s *story) applyAll() {
	s.t.Helper()
	s.must("terraform apply -auto-approve")
	output := s.must("terraform plan -detailed-exitcode")
	if !strings.Contains(output, "No changes.") {
		s.t.Errorf("there are changes:\n%s", output)
	}
	if strings.Contains(output, "Warning: Check block") {
		s.t.Errorf("a check of the guide fails:\n%s", output)
	}
}

// apply puts a mesh as kumactl apply does. Other types are examples that the embedded control plane does not have.
func (s *story) apply(text string) {
	s.t.Helper()
	var document map[string]any
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		s.t.Fatal(err)
	}
	if document["type"] != "Mesh" {
		return
	}
	s.env.Must(http.MethodPut, fmt.Sprintf("/meshes/%s", document["name"]), document)
}

func (s *story) commands(text string, fails bool) {
	s.t.Helper()
	s.printed = ""
	var failed error
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "export ") || strings.HasPrefix(line, "cd ") {
			s.before += line + "\n"
			continue
		}
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		output, err := s.run(line)
		s.printed += output
		if err != nil && !fails {
			s.t.Fatalf("%s: %v\n%s", line, err, output)
		}
		if err != nil {
			failed = err
		}
	}
	if fails && failed == nil {
		s.t.Errorf("this is said to fail:\n%s\nand prints\n%s", text, s.printed)
	}
}

// shown compares what a guide shows with what was printed: ... is for what it leaves out.
func (s *story) shown(text string) {
	s.t.Helper()
	if parts := strings.Split(text, "...\n"); !acctest.Words(parts...).MatchString(s.printed) {
		s.t.Errorf("the guide shows\n%s\nand what is printed is\n%s", text, s.printed)
	}
}

func (s *story) destroy() {
	s.t.Helper()
	if s.applied {
		s.must("terraform destroy -auto-approve")
	}
}

// run runs a command at a time that is not before what others were made at.
func (s *story) run(line string) (string, error) {
	s.t.Helper()
	if behind := time.Since(s.env.Clock.Now()); behind > 0 {
		if err := s.env.Clock.Sleep(s.t.Context(), behind); err != nil {
			s.t.Fatal(err)
		}
	}
	return s.Shell(s.before + line)
}

func (s *story) must(line string) string {
	s.t.Helper()
	output, err := s.run(line)
	if err != nil {
		s.t.Fatalf("%s: %v\n%s", line, err, output)
	}
	return output
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
			name := match[1]
			if !strings.Contains(name, " ") && name != "terraform" && name != "locals" {
				name = match[0] // there can be several of import and removed
			}
			parts[name] = match[0]
		}
	}
	return strings.Join(slices.Sorted(maps.Values(parts)), "\n\n") + "\n"
}

// The parts that blocks are put together from are those that are in them.
func TestGuideBlocks(t *testing.T) {
	t.Parallel()
	blocks := fenced(t, "text\n```terraform\nterraform {\n  a {\n  }\n}\n\n# b\nprovider \"p\" {}\n\nresource \"r\" \"s\" {\n  x = 1\n}\n```\n"+
		"1. item\n\n   ```terraform\n   resource \"r\" \"s\" {\n     x = 2\n   }\n\n   check \"c\" {\n   }\n   ```\n```shell\nls\n```\n")
	if len(blocks) != 3 || blocks[2] != (block{"shell", "ls\n", 0}) {
		t.Fatalf("%d blocks: %q", len(blocks), blocks)
	}
	want := "check \"c\" {\n}\n\nprovider \"p\" {}\n\nresource \"r\" \"s\" {\n  x = 2\n}\n\nterraform {\n  a {\n  }\n}\n"
	if got := paste(t, blocks[0].text, blocks[1].text); got != want {
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
			{ // without proxies everything can be destroyed
				PreConfig: func() {
					for _, proxy := range env.Twin.Proxies(mesh) {
						env.Twin.Remove(proxy)
					}
				},
				Config: config(true),
			},
		},
	})
}

// pages returns the root pages and all pages of docs/.
func pages(t *testing.T) []string {
	t.Helper()
	pages := rootPages()
	err := filepath.WalkDir(filepath.Join("..", "..", "docs"), func(path string, _ fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".md" {
			pages = append(pages, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

var (
	frontMatter = regexp.MustCompile(`(?s)^---\n.*?\n---\n`)
	heading     = regexp.MustCompile(`(?m)^(#+) (.+)$`)
)

// Each page has one title, no level of headings skipped, and the front matter
// that the registry wants; each kind of page has its sections.
func TestPages(t *testing.T) {
	t.Parallel()
	want := map[string][]string{
		"resources":           {"## Example Usage", "## Schema", "## Import", "## When Something Goes Wrong"},
		"data-sources":        {"## Example Usage", "## Schema", "## When Something Goes Wrong"},
		"actions":             {"## Example Usage", "## Schema"},
		"list-resources":      {"## Example Usage", "## Schema"},
		"ephemeral-resources": {"## Example Usage", "## Schema"},
		"functions":           {"## Example Usage", "## Signature", "## Arguments"},
	}
	for _, page := range pages(t) {
		content, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		text := string(content)
		front := frontMatter.FindString(text)
		if !slices.Contains(rootPages(), page) && (!strings.Contains(front, "\npage_title: \"") || !strings.Contains(front, "\ndescription: |-\n  ")) {
			t.Errorf("%s has the front matter %q", page, front)
		}
		text = fence.ReplaceAllString(strings.TrimPrefix(text, front), "")
		level := 0
		var sections []string
		for _, found := range heading.FindAllStringSubmatch(text, -1) {
			deep := len(found[1])
			if deep > level+1 || deep == 1 && level > 0 {
				t.Errorf("%s: %q follows a heading of level %d", page, found[0], level)
			}
			if deep == 2 {
				sections = append(sections, found[0])
			}
			level = deep
		}
		if kind := want[filepath.Base(filepath.Dir(page))]; kind != nil && !slices.Equal(sections, kind) {
			t.Errorf("%s has the sections %q, not %q", page, sections, kind)
		}
		if level == 0 {
			t.Errorf("%s has no title", page)
		}
	}
}

// The map of packages in CONTRIBUTING has each folder of internal/ and internal/cmd/, and no other.
func TestContributing_packages(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(filepath.Join("..", "..", "CONTRIBUTING.md"))
	if err != nil {
		t.Fatal(err)
	}
	mapped := map[string]bool{}
	for _, line := range regexp.MustCompile(`(?m)^(?:internal/|  )([a-z]+/(?:, [a-z]+/)*)  `).FindAllStringSubmatch(string(content), -1) {
		for name := range strings.SplitSeq(line[1], ", ") {
			mapped[strings.TrimSuffix(name, "/")] = true
		}
	}
	exists := map[string]bool{}
	for _, folder := range []string{"..", filepath.Join("..", "cmd")} {
		entries, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			if exists[entry.Name()] = true; entry.IsDir() && !mapped[entry.Name()] {
				t.Errorf("CONTRIBUTING.md does not name %s", filepath.Join("internal", folder[2:], entry.Name()))
			}
		}
	}
	for name := range mapped {
		if !exists[name] {
			t.Errorf("CONTRIBUTING.md names the package %s, which does not exist", name)
		}
	}
}

// registry is where the registry shows docs/. A relative link on the index page leads elsewhere there, because its
// address does not end with a slash.
const registry = "https://registry.terraform.io/providers/kongmesh/kongmesh/latest/docs"

// Every link of README and docs/ to a page of the project, or to a part of one, leads there: on the code host, where a
// page's name has an extension, as in the registry.
func TestGuideLinks(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)\s]*)\)`)
	anchor := regexp.MustCompile(`(?m)^#+ (.+)$|<a id="([^"]+)">`)
	signs := regexp.MustCompile("[^a-z0-9 _-]")
	docs := filepath.Join("..", "..", "docs")
	for _, page := range pages(t) {
		content, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range link.FindAllStringSubmatch(string(content), -1) {
			path, part, _ := strings.Cut(match[1], "#")
			inRegistry := strings.HasPrefix(path, registry)
			switch {
			case inRegistry:
				path = filepath.Join(docs, strings.TrimPrefix(path, registry)+".md")
			case strings.Contains(path, "://"):
				continue
			case path == "":
				path = page
			default:
				path = filepath.Join(filepath.Dir(page), path)
			}
			if index := page == filepath.Join(docs, "index.md"); index && path != page && !inRegistry {
				t.Errorf("%s: %s does not lead to the page in the registry: begin with %s", page, match[0], registry)
			}
			info, err := os.Stat(path)
			if err != nil {
				t.Errorf("%s: %s leads nowhere: %v", page, match[0], err)
				continue
			}
			if info.IsDir() {
				continue
			}
			target, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			anchors := map[string]bool{"": true}
			for _, found := range anchor.FindAllStringSubmatch(string(target), -1) {
				anchors[found[2]] = true
				anchors[strings.ReplaceAll(signs.ReplaceAllString(strings.ToLower(found[1]), ""), " ", "-")] = true
			}
			if !anchors[part] {
				t.Errorf("%s: there is no part %q", page, match[1])
			}
		}
	}
}
