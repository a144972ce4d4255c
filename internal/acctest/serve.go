package acctest

import (
	"cmp"
	"context"
	"encoding/json"
	"os"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
)

// Providers are providers by name; those of other authors than this project and
// Kong are in the namespace hashicorp.
type Providers map[string]func() (tfprotov6.ProviderServer, error)

// Serve serves the providers of all following commands from this process: new
// ones for each command, as in separate processes, but with the clock of a
// test, and without the time to start them. terraform init then installs
// nothing.
func (r *Run) Serve(providers ...Providers) {
	r.t.Helper()
	r.served = providers
	settings := r.Path(".terraformrc")
	write(r.t, settings, "")
	r.Setenv("TF_CLI_CONFIG_FILE=" + settings)
}

// serve starts the providers for one command, and returns the environment for
// it. They stop with the context.
func (r *Run) serve(ctx context.Context) []string {
	r.t.Helper()
	type address struct{ Network, String string }
	type attach struct {
		Protocol        string
		ProtocolVersion int
		Pid             int
		Test            bool
		Addr            address
	}
	found := make(map[string]attach)
	for _, providers := range r.served {
		for name, provider := range providers {
			namespace := cmp.Or(map[string]string{"kongmesh": "kongmesh", "kong-mesh": "kong"}[name], "hashicorp")
			at := start(ctx, r.t, provider)
			found[cmp.Or(os.Getenv("TF_ACC_PROVIDER_HOST"), "registry.terraform.io")+"/"+namespace+"/"+name] = attach{
				string(at.Protocol), at.ProtocolVersion, at.Pid, at.Test, address{at.Addr.Network(), at.Addr.String()},
			}
		}
	}
	value, err := json.Marshal(found)
	if err != nil {
		r.t.Fatal(err)
	}
	return []string{"TF_REATTACH_PROVIDERS=" + string(value)}
}

func start(ctx context.Context, t *testing.T, provider func() (tfprotov6.ProviderServer, error)) *plugin.ReattachConfig {
	t.Helper()
	server, err := provider()
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan *plugin.ReattachConfig)
	failed := make(chan error, 1)
	go func() {
		failed <- tf6server.Serve("provider", func() tfprotov6.ProviderServer { return server },
			tf6server.WithDebug(ctx, started, nil), tf6server.WithGoPluginLogger(hclog.NewNullLogger()),
			tf6server.WithLoggingSink(t), tf6server.WithoutLogStderrOverride())
	}()
	select {
	case at := <-started:
		return at
	case err := <-failed:
		t.Fatalf("the provider does not start: %v", err)
		return nil
	}
}
