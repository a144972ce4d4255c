//go:build unix

// Command demo shows the provider at work. It applies examples/quickstart to an embedded control plane, looks
// at what came of it, and destroys it again; with -rotation it connects proxies and gives the mesh another CA in
// between. `make demo` and `make demo-rotation` build the provider and run it, from the root of the repository,
// whose files it leaves alone.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/cmd/authority"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

const (
	example  = "examples/quickstart"
	provider = "build/terraform-provider-kongmesh"
	version  = "2.14.3" // of the control plane
)

func main() {
	rotation := flag.Bool("rotation", false, "show how a mesh with proxies gets another CA, which takes about a minute")
	flag.Parse()
	show := run
	if *rotation {
		show = runRotation
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	err := show(ctx, newScreen(os.Stdout))
	interrupted := ctx.Err() != nil
	stop()

	switch {
	case interrupted:
		fmt.Fprintln(os.Stderr, "\nInterrupted: what was started is stopped, what was written is removed.")
		os.Exit(130)
	case err != nil:
		fmt.Fprintln(os.Stderr, "\ndemo:", err)
		os.Exit(1)
	}
}

// run is the demonstration: each step says what it shows, does it, and fails if it does not come out so.
func run(ctx context.Context, out *screen) (err error) {
	s, err := newStage(ctx, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()

	out.step("One apply makes the mesh, uploads its CA and turns mTLS on")
	if err := s.tf.run(ctx, "plan", "-out=demo.tfplan"); err != nil {
		return err
	}
	if err := s.tf.run(ctx, "apply", "demo.tfplan"); err != nil {
		return err
	}

	if err := s.showEmptyPlan(ctx); err != nil {
		return err
	}

	out.step("The private key is in neither plan nor state")
	if err := showKeySearch(ctx, out, s.tf, s.keys); err != nil {
		return err
	}

	out.step("What the control plane holds now")
	made, err := showMeshes(ctx, s.controlPlane, s.before)
	if err != nil {
		return err
	}
	return s.showDestroy(ctx, made)
}

// A stage is what a demonstration needs: a control plane, and Terraform in a copy of the example.
type stage struct {
	out          *screen
	work         string // where everything is written
	keys         []privateKey
	server       *kumatest.Server
	controlPlane *client
	before       []string // the meshes that were there before
	tf           *terraform
}

// newStage sets everything up, and says so. Close it when it comes without an error.
func newStage(ctx context.Context, out *screen) (_ *stage, err error) {
	work, err := os.MkdirTemp("", "kongmesh-demo-")
	if err != nil {
		return nil, err
	}
	s := &stage{out: out, work: work, server: kumatest.NewServer(kumatest.Version(version))}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()

	folder := filepath.Join(work, filepath.Base(example))
	if err := copyConfiguration(folder, example); err != nil {
		return nil, err
	}
	if err := authority.Write(folder, "Example"); err != nil {
		return nil, err
	}
	if s.keys, err = privateKeys(folder); err != nil {
		return nil, err
	}
	s.controlPlane = &client{address: s.server.URL, out: out}
	if s.before, err = s.controlPlane.meshes(ctx); err != nil {
		return nil, err
	}
	if s.tf, err = newTerraform(ctx, folder, work, s.server.URL, out); err != nil {
		return nil, err
	}

	out.say("Control plane   %s (embedded, answers as Kuma %s does)", s.server.URL, version)
	out.say("Configuration   %s (a copy, with a root and an intermediate CA made for it)", example)
	out.say("Run by          %s and %s", s.tf.product, provider)
	return s, nil
}

// close stops what was started and removes what was written.
func (s *stage) close() error {
	s.server.Close()
	return os.RemoveAll(s.work)
}

func (s *stage) showEmptyPlan(ctx context.Context) error {
	s.out.step("The next plan is empty")
	if err := s.tf.run(ctx, "plan", "-detailed-exitcode"); err != nil {
		return fmt.Errorf("the plan after the apply is not empty: %w", err)
	}
	return nil
}

// showDestroy destroys everything, and checks that nothing is left of the meshes.
func (s *stage) showDestroy(ctx context.Context, made []string) error {
	s.out.step("One destroy takes all of it away")
	if err := s.tf.runFrom(ctx, "Plan:", "destroy", "-auto-approve"); err != nil {
		return err
	}
	if err := showGone(ctx, s.controlPlane, made); err != nil {
		return err
	}
	s.out.say("\nDone. The control plane is as it was before, and stops now.")
	return nil
}

// copyConfiguration copies the configuration alone, not the state or the keys of somebody who tried it in place.
func copyConfiguration(to, from string) error {
	files, err := filepath.Glob(filepath.Join(from, "*.tf"))
	if err != nil {
		return err
	}
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, filepath.Base(file)), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// showKeySearch searches for the keys in all that Terraform keeps, and in the key's own file as a proof that
// the search finds them.
func showKeySearch(ctx context.Context, out *screen, tf *terraform, keys []privateKey) error {
	places, err := unpackPlan(filepath.Join(tf.folder, "demo.tfplan"))
	if err != nil {
		return err
	}
	planJSON, err := tf.output(ctx, "show", "-json", "demo.tfplan")
	if err != nil {
		return err
	}
	state, err := os.ReadFile(filepath.Join(tf.folder, "terraform.tfstate"))
	if err != nil {
		return err
	}
	places = append(places, place{"the plan as JSON", planJSON}, place{"terraform.tfstate", state})

	for _, key := range keys {
		out.say("\n   The key of %s, as PEM, base64 of the PEM, DER or base64 of the DER, is in:\n", key.file)
		proof := key.formsIn(key.content)
		out.row(key.file+" itself", key.content, proof)
		if len(proof) == 0 {
			return fmt.Errorf("the search does not find the key in %s itself", key.file)
		}
		leaks := 0
		for _, p := range places {
			found := key.formsIn(p.content)
			out.row(p.name, p.content, found)
			leaks += len(found)
		}
		if leaks > 0 {
			return fmt.Errorf("the key of %s leaks", key.file)
		}
	}
	return nil
}

// showMeshes prints the meshes that were not there before, and the names of their secrets.
func showMeshes(ctx context.Context, controlPlane *client, before []string) ([]string, error) {
	after, err := controlPlane.meshes(ctx)
	if err != nil {
		return nil, err
	}
	made := slices.DeleteFunc(after, func(name string) bool { return slices.Contains(before, name) })
	if len(made) == 0 {
		return nil, errors.New("no mesh was made")
	}
	for _, name := range made {
		if _, err := controlPlane.showMesh(ctx, name); err != nil {
			return nil, err
		}
		if _, err := controlPlane.showSecrets(ctx, name); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// showGone checks that nothing is left of the meshes, their secrets included.
func showGone(ctx context.Context, controlPlane *client, made []string) error {
	for _, name := range made {
		found, err := controlPlane.showMesh(ctx, name)
		if err != nil {
			return err
		}
		secrets, err := controlPlane.showSecrets(ctx, name)
		if err != nil {
			return err
		}
		if found || len(secrets) > 0 {
			return fmt.Errorf("mesh %s or its secrets are still there", name)
		}
	}
	return nil
}

// A client asks the control plane itself, without the provider.
type client struct {
	address string
	out     *screen
}

// meshes returns the names of all meshes.
func (c *client) meshes(ctx context.Context) ([]string, error) {
	_, body, err := c.get(ctx, "/meshes")
	if err != nil {
		return nil, err
	}
	return names(body)
}

// showMesh prints a mesh, and says whether it is there.
func (c *client) showMesh(ctx context.Context, name string) (bool, error) {
	path := "/meshes/" + name
	c.out.command("GET %s", path)
	status, body, err := c.get(ctx, path)
	if err != nil {
		return false, err
	}
	if status == http.StatusNotFound {
		c.out.result("404 Not Found")
		return false, nil
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, body, "", "  "); err != nil {
		return false, err
	}
	c.out.result(indented.String())
	return true, nil
}

// showSecrets prints the names of a mesh's secrets, and returns them.
func (c *client) showSecrets(ctx context.Context, mesh string) ([]string, error) {
	path := "/meshes/" + mesh + "/secrets"
	c.out.command("GET %s (the names in it)", path)
	status, body, err := c.get(ctx, path)
	if err != nil {
		return nil, err
	}
	if status == http.StatusNotFound {
		c.out.result("404 Not Found")
		return nil, nil
	}
	found, err := names(body)
	if err != nil {
		return nil, err
	}
	c.out.result(strings.Join(found, "\n"))
	return found, nil
}

func (c *client) get(ctx context.Context, path string) (int, []byte, error) {
	return c.send(ctx, http.MethodGet, path)
}

// send returns status and body of an answer that is either 200 or 404.
func (c *client) send(ctx context.Context, method, path string) (int, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.address+path, http.NoBody)
	if err != nil {
		return 0, nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK && response.StatusCode != http.StatusNotFound {
		err = fmt.Errorf("%s %s: %s", method, path, response.Status)
	}
	return response.StatusCode, body, err
}

// names returns the names of the items in a list.
func names(body []byte) ([]string, error) {
	var list struct {
		Items []struct {
			Name string `json:"name"`
		} `json:"items"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, err
	}
	var all []string
	for _, item := range list.Items {
		all = append(all, item.Name)
	}
	return all, nil
}
