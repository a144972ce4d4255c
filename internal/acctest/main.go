package acctest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	framework "github.com/hashicorp/terraform-plugin-framework/provider"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/provider"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/serve"
)

// dieAfter is the environment variable with the number of answers of the
// control plane after which the provider's process exits.
const dieAfter = "KONGMESH_TEST_DIE_AFTER"

// Main runs the tests of a package, or serves the provider if Terraform has
// started the test binary as a provider: [Run] lets Terraform start this
// process, with short pauses before a retry. TestMain must call it.
func Main(m *testing.M) {
	if os.Getenv("TF_PLUGIN_MAGIC_COOKIE") == "" {
		hurry()
		os.Exit(m.Run())
	}
	create, address := provider.New("test", provider.Options{Tune: tune}), serve.Address
	if filepath.Base(os.Args[0]) == vendorBinary {
		create, address = func() framework.Provider { return vendor{} }, "registry.terraform.io/kong/kong-mesh"
	}
	if err := serve.Provider(address, create, false); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// hurry avoids unnecessary work: logs that no test requested, and garbage
// collections in the many short processes of Terraform.
func hurry() {
	serve.DisableUnusedLogs()
	if os.Getenv("GOGC") == "" {
		_ = os.Setenv("GOGC", "800") // for Terraform; it is too late for this process
		debug.SetGCPercent(200)
	}
}

func tune(config *kuma.Config) {
	config.RetryWait = time.Millisecond
	answers, err := strconv.ParseInt(os.Getenv(dieAfter), 10, 64)
	if err != nil {
		return
	}
	var left atomic.Int64
	left.Store(answers)
	log := config.Log
	config.Log = func(ctx context.Context, message string, fields map[string]any) {
		log(ctx, message, fields)
		if fields["status"] == nil {
			return
		}
		if left.Add(-1) == 0 {
			os.Exit(1) // in the middle of other requests
		}
	}
}

// DieAfter makes the provider's process exit after this number of answers of
// the control plane; 0 means never.
func (r *Run) DieAfter(answers int) {
	value := ""
	if answers > 0 {
		value = strconv.Itoa(answers)
	}
	r.Setenv(dieAfter + "=" + value)
}
