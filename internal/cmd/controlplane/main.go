// Command controlplane runs the embedded control plane in the foreground until it gets SIGINT or SIGTERM.
//
// The first line of its output is "listening on URL", with the actual port if -addr has port 0.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "controlplane:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("controlplane", flag.ContinueOnError)
	address := flags.String("addr", "127.0.0.1:5681", "`address` to listen on; port 0 takes a free one")
	version := flags.String("version", "2.14.3", "answer as this `version` does: "+strings.Join(kumatest.Versions(), ", "))
	auth := flags.Bool("auth", false, "ask for tokens")
	readOnly := flags.Bool("readonly", false, "refuse every write")
	global := flags.Bool("global", false, "be the global control plane of several zones")
	kubernetes := flags.String("kubernetes", "", "be a control plane on Kubernetes, with an API server of its cluster, and write a kubeconfig to this `file`")
	kongMesh := flags.Bool("kong-mesh", false, "be Kong Mesh: several mTLS backends are allowed")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	if !slices.Contains(kumatest.Versions(), *version) && !slices.Contains(kumatest.Versions(), *version+"-dev") {
		return fmt.Errorf("unknown version %q; there are %s", *version, strings.Join(kumatest.Versions(), ", "))
	}

	options := []kumatest.Option{kumatest.Version(*version)}
	for _, choice := range []struct {
		wanted bool
		option kumatest.Option
	}{
		{*auth, kumatest.Authentication()},
		{*readOnly, kumatest.ReadOnly()},
		{*global, kumatest.Global()},
		{*kongMesh, kumatest.KongMesh()},
		{*kubernetes != "", kumatest.Kubernetes()},
	} {
		if choice.wanted {
			options = append(options, choice.option)
		}
	}
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		return err
	}
	greeting := fmt.Sprintf("listening on http://%s\n", listener.Addr())
	if *auth || *kubernetes != "" {
		greeting += fmt.Sprintf("admin token %s\n", kumatest.AdminToken)
	}
	controlPlane := kumatest.New(options...)
	if *kubernetes != "" {
		cluster, err := kumatest.NewClusterServer(controlPlane.Cluster(), "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer cluster.Close()
		if err := os.WriteFile(*kubernetes, []byte(cluster.Kubeconfig()), 0o600); err != nil {
			return err
		}
		greeting += fmt.Sprintf("Kubernetes API on %s\n\nprovider \"kongmesh\" {\n  address    = \"http://%s\"\n  kubernetes = { config_path = %q }\n}\n", cluster.URL, listener.Addr(), *kubernetes)
	}
	if _, err := io.WriteString(out, greeting); err != nil {
		return err
	}
	server := &http.Server{Handler: controlPlane, ReadHeaderTimeout: time.Minute}
	go func() {
		<-ctx.Done()
		_ = server.Close() // Serve returns the reason
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
