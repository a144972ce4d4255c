//go:build unix

// Command demo demonstrates the provider. It applies examples/quickstart to an embedded control plane, shows the result,
// and destroys it. With -rotation, it also connects proxies and rotates the CA of the mesh. With -identity, it connects proxies
// and moves the mesh to a MeshIdentity. `make demo`, `make demo-rotation` and `make demo-identity` build the provider and run
// this command from the root of the repository. It changes no file there, except the one in -picture.
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
	rotation := flag.Bool("rotation", false, "rotate the CA of a mesh with proxies, which takes about a minute")
	identity := flag.Bool("identity", false, "change a mesh with proxies from a provided backend to a MeshIdentity, which takes about a minute")
	picture := flag.String("picture", "", "with -rotation, `file` to draw the rotation to, as SVG")
	flag.Parse()
	show := run
	switch {
	case *identity:
		show = runCrossing
	case *rotation:
		show = func(ctx context.Context, out *screen) error { return runRotation(ctx, out, *picture) }
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	err := show(ctx, newScreen(os.Stdout))
	interrupted := ctx.Err() != nil
	stop()

	switch {
	case interrupted:
		fmt.Fprintln(os.Stderr, "\nInterrupted. The demo has stopped its processes and deleted its files.")
		os.Exit(130)
	case err != nil:
		fmt.Fprintln(os.Stderr, "\ndemo:", err)
		os.Exit(1)
	}
}

// run creates and destroys a mesh. Each step prints what it shows, and fails if the result is different.
func run(ctx context.Context, out *screen) (err error) {
	s, err := newStage(ctx, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()

	out.step("Create the mesh, upload its CA and enable mTLS with one apply")
	if err := s.tf.run(ctx, "plan", "-out=demo.tfplan"); err != nil {
		return err
	}
	if err := s.tf.run(ctx, "apply", "demo.tfplan"); err != nil {
		return err
	}

	if err := s.showEmptyPlan(ctx); err != nil {
		return err
	}

	out.step("Check that plan and state do not contain the private key")
	if err := showKeySearch(ctx, out, s.tf, s.keys); err != nil {
		return err
	}

	out.step("Show the objects on the control plane")
	made, err := showMeshes(ctx, s.controlPlane, s.before)
	if err != nil {
		return err
	}
	return s.showDestroy(ctx, made)
}

// A stage is a control plane, and Terraform in a copy of the example.
type stage struct {
	out          *screen
	work         string // folder for all files
	keys         []privateKey
	server       *kumatest.Server
	controlPlane *client
	before       []string // names of the meshes that existed before
	tf           *terraform
}

// newStage starts a control plane, prepares Terraform, and prints both. The caller closes the stage.
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

	out.say("Control plane   %s (embedded, emulates Kuma %s)", s.server.URL, version)
	out.say("Configuration   %s (a copy, with a new root and intermediate CA)", example)
	out.say("CLI             %s", s.tf.product)
	out.say("Provider        %s", provider)
	return s, nil
}

// close stops the control plane and deletes all files.
func (s *stage) close() error {
	s.server.Close()
	return os.RemoveAll(s.work)
}

func (s *stage) showEmptyPlan(ctx context.Context) error {
	s.out.step("Check that the next plan is empty")
	if err := s.tf.run(ctx, "plan", "-detailed-exitcode"); err != nil {
		return fmt.Errorf("the plan after the apply is not empty: %w", err)
	}
	return nil
}

// showDestroy destroys everything, and checks that the meshes and their secrets are deleted.
func (s *stage) showDestroy(ctx context.Context, made []string) error {
	s.out.step("Delete everything with one destroy")
	if err := s.tf.runFromPlan(ctx, "destroy", "-auto-approve"); err != nil {
		return err
	}
	if err := showGone(ctx, s.controlPlane, made); err != nil {
		return err
	}
	s.out.say("\nDone. The control plane has the same objects as before, and stops now.")
	return nil
}

// copyConfiguration copies only the configuration, without a state or keys from an earlier run in the folder.
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

// showKeySearch searches for the keys in all files of Terraform. It also searches in the file of the key, to prove that
// the search works.
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
		out.say("\n   Does a file contain the key in %s, as PEM, base64 of the PEM, DER or base64 of the DER?\n", key.file)
		proof := key.formsIn(key.content)
		out.row(key.file, key.content, proof)
		if len(proof) == 0 {
			return fmt.Errorf("the search does not find the key in %s", key.file)
		}
		leaks := 0
		for _, p := range places {
			found := key.formsIn(p.content)
			out.row(p.name, p.content, found)
			leaks += len(found)
		}
		if leaks > 0 {
			return fmt.Errorf("plan or state contain the key in %s", key.file)
		}
	}
	return nil
}

// showMeshes prints the new meshes and the names of their secrets.
func showMeshes(ctx context.Context, controlPlane *client, before []string) ([]string, error) {
	after, err := controlPlane.meshes(ctx)
	if err != nil {
		return nil, err
	}
	made := slices.DeleteFunc(after, func(name string) bool { return slices.Contains(before, name) })
	if len(made) == 0 {
		return nil, errors.New("there is no new mesh")
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

// showGone checks that the meshes and their secrets are deleted.
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
			return fmt.Errorf("mesh %s or its secrets still exist", name)
		}
	}
	return nil
}

// A client sends requests to the control plane without the provider.
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

// showMesh prints a mesh, and returns whether it exists.
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
	c.out.command("GET %s (only the names)", path)
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

// send returns the status and body of an answer with status 200 or 404.
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
	if err == nil && !slices.Contains([]int{http.StatusOK, http.StatusNotFound}, response.StatusCode) {
		err = fmt.Errorf("%s %s: %s\n%s", method, path, response.Status, body)
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
