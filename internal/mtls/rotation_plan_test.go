package mtls_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

// The plan of a rotation says what will happen, once: what is dangerous or
// leaves proxies behind is a warning, what no proxy can notice is silent.
func TestAccRotation_plan(t *testing.T) {
	t.Parallel()
	var (
		steps  = "CA is rotated in steps"
		behind = "Rotation skips disconnected proxies"
		once   = "CA switches in one write"
	)
	disconnect := func(r *rotating) {
		r.proxy("dp-2").Disconnect()
		r.env.Pass(r.t, 2*time.Minute)
	}
	for name, test := range map[string]struct {
		lines   string
		prepare func(*rotating)
		then    func(first *acctest.CA) *acctest.CA // nil: another root
		want    []string
		never   []string
	}{
		"connected": {want: []string{steps, "has 5 connected proxies. The CA changes in 3 steps: trust, issue, final.", "at least 51s in total. The current CA, CN=First CA, must stay valid"}, never: []string{behind, once}},
		"one disconnected": {
			prepare: disconnect,
			want:    []string{steps, "has 4 connected proxies and 1 disconnected proxy.", behind, "disconnected from the control plane: dp-2 (since 20", "offline_proxies = \"wait\""}, never: []string{once},
		},
		"one disconnected, waited for": {
			prepare: disconnect, lines: "rollout = { offline_proxies = \"wait\" }",
			want: []string{steps, "It also waits for disconnected proxies, up to timeouts.update: dp-2 (since 20"}, never: []string{behind, once},
		},
		"a switch on purpose":   {lines: "rollout = { strategy = \"switch\" }", want: []string{once, "has 5 connected proxies, and rollout.strategy is \"switch\""}, never: []string{steps, behind}},
		"the same key, renewed": {then: func(first *acctest.CA) *acctest.CA { return first.Renewed(t) }, never: []string{steps, behind, once}},
		"no proxies":            {prepare: func(r *rotating) { r.env.RemoveProxies(r.mesh) }, never: []string{steps, behind, once}},
		"equal subjects": {
			then: func(*acctest.CA) *acctest.CA { return acctest.NewCA(t, "First CA") },
			want: []string{steps}, never: []string{once}, // their subject key identifiers differ
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRotating(t)
			run := acctest.NewRun(t, required+r.config(r.first, test.lines))
			run.Serve(r.env.Provider())
			run.Terraform("apply", "-auto-approve")
			r.env.ConnectProxies(t, r.mesh, 5)
			r.t = t
			if test.prepare != nil {
				test.prepare(r)
			}
			ca := r.then
			if test.then != nil {
				ca = test.then(r.first)
			}
			run.Config(required + r.config(ca, test.lines))
			plan := oneLine(run.Terraform("plan", "-out=plan"))
			for _, want := range test.want {
				if !strings.Contains(plan, want) {
					t.Errorf("the plan lacks %q:\n%s", want, plan)
				}
			}
			for _, never := range test.never {
				if strings.Contains(plan, never) {
					t.Errorf("the plan has %q:\n%s", never, plan)
				}
			}
			r.all(func(proxy *kumatest.Proxy) {
				if !proxy.Connected() {
					proxy.Reconnect()
				}
			})
			applied := run.Terraform("apply", "plan")
			if strings.Contains(applied, steps) {
				t.Errorf("the apply says it again:\n%s", applied)
			}
			run.NoChanges()
			r.env.RemoveProxies(r.mesh)
		})
	}
}

// required is the block without which Terraform looks for the provider elsewhere.
const required = `
terraform {
  required_providers {
    kongmesh = { source = "kongmesh/kongmesh" }
  }
}
`

// oneLine is what Terraform prints without its line breaks and frames.
func oneLine(output string) string {
	return strings.Join(strings.Fields(strings.NewReplacer("│", " ", "╷", " ", "╵", " ").Replace(output)), " ")
}

// What an interrupted rotation still needs is counted as it is.
func TestAccRotation_planResumed(t *testing.T) {
	t.Parallel()
	r := newRotating(t)
	run := acctest.NewRun(t, required+r.config(r.first, ""))
	run.Serve(r.env.Provider())
	run.Terraform("apply", "-auto-approve")
	r.env.ConnectProxies(t, r.mesh, 5)
	run.Config(required + r.config(r.then, "timeouts = { update = \"3m\" }"))
	r.proxy("dp-3").Reject(true)
	if output, err := run.Try("apply", "-auto-approve"); err == nil {
		t.Fatalf("the rotation does not stop:\n%s", output)
	}
	r.proxy("dp-3").Reject(false)
	r.env.Pass(t, 20*time.Second)
	plan := oneLine(run.Terraform("plan"))
	const want = "has 5 connected proxies. A rotation was interrupted: the mesh trusts both CAs. This run first repeats the interrupted step. " +
		"The CA changes in 2 steps: issue, final. After each step, the provider waits until every connected proxy has the result: at least 51s in total."
	if !strings.Contains(plan, want) {
		t.Errorf("the plan lacks %q:\n%s", want, plan)
	}
	run.Terraform("apply", "-auto-approve")
	run.NoChanges()
	if err := r.Check(nil); err != nil {
		t.Error(err)
	}
	r.env.RemoveProxies(r.mesh)
}

// A rotation during which Envoy could not tell the two CAs apart fails during
// plan, with the reason and what to do.
func TestAccRotation_ambiguousIssuer(t *testing.T) {
	t.Parallel()
	const name = "Mesh CA"
	with, without := acctest.NewCA, acctest.NewCAWithoutKeyID
	for title, test := range map[string]struct {
		current, next func(*testing.T, string) *acctest.CA
		nextName      string
		lines         string
		want          string // "" if the plan succeeds
	}{
		"neither has a key identifier":   {without, without, name, "", "Issue this CA again with another subject"},
		"only the new one has one":       {without, with, name, "", "Issue this CA again with another subject"},
		"only the current one has one":   {with, without, name, "", "subjectKeyIdentifier=hash"},
		"both have one":                  {with, with, name, "", ""},
		"neither has one, other subject": {without, without, "New Mesh CA", "", ""},
		"neither has one, in one write":  {without, without, name, `rollout = { strategy = "switch" }`, ""},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			r := newRotating(t)
			run := acctest.NewRun(t, required+r.config(test.current(t, name), test.lines))
			run.Serve(r.env.Provider())
			run.Terraform("apply", "-auto-approve")
			r.env.ConnectProxies(t, r.mesh, 2)
			r.env.ResetRequests()
			run.Config(required + r.config(test.next(t, test.nextName), test.lines))
			output, err := run.Try("plan")
			if refused := err != nil; refused != (test.want != "") || !acctest.Words(test.want).MatchString(output) {
				t.Errorf("the plan: %v, want %q in\n%s", err, test.want, output)
			}
			if got := meshWrites(r.env, r.mesh); got != 0 {
				t.Errorf("the mesh was written %d times", got)
			}
			r.env.RemoveProxies(r.mesh)
		})
	}
}

// Where the new CA is not known during plan, the rotation fails before its first
// step, and uploads nothing.
func TestRotation_ambiguousIssuer(t *testing.T) {
	t.Parallel()
	first, then := acctest.NewCAWithoutKeyID(t, "Mesh CA"), acctest.NewCAWithoutKeyID(t, "Mesh CA")
	env, change := changing(t, first, then)
	if diags := change(t.Context(), "first"); diags.HasError() {
		t.Fatal(diags)
	}
	env.ConnectProxies(t, "acc", 2)
	env.ResetRequests()
	diags := change(t.Context(), "then")
	if len(diags.Errors()) != 1 || !strings.Contains(diags.Errors()[0].Detail(), "another subject") {
		t.Errorf("the change gives %v", diags)
	}
	for _, request := range env.Twin.Requests() {
		if request.Method == http.MethodPut {
			t.Errorf("%s was written", request.Path)
		}
	}
}
