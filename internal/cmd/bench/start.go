//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

// start starts a provider as Terraform does, and returns the time until its schema was available.
func start(ctx context.Context, binary string) (time.Duration, error) {
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			MagicCookieKey:   "TF_PLUGIN_MAGIC_COOKIE",
			MagicCookieValue: "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2",
		},
		VersionedPlugins: map[int]plugin.PluginSet{6: {"provider": connection{}}},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:         true,
		Cmd:              exec.CommandContext(ctx, binary),
		Logger:           hclog.NewNullLogger(),
	})
	defer client.Kill()

	began := time.Now()
	protocol, err := client.Client()
	if err != nil {
		return 0, err
	}
	dispensed, err := protocol.Dispense("provider")
	if err != nil {
		return 0, err
	}
	conn, ok := dispensed.(*grpc.ClientConn)
	if !ok {
		return 0, fmt.Errorf("the provider is a %T", dispensed)
	}
	// The request has no fields. An empty message keeps the fields of the answer without knowing them.
	var schema emptypb.Empty
	if err := conn.Invoke(ctx, "/tfplugin6.Provider/GetProviderSchema", &emptypb.Empty{}, &schema); err != nil {
		return 0, err
	}
	took := time.Since(began)
	if len(schema.ProtoReflect().GetUnknown()) == 0 {
		return 0, errors.New("the provider has no schema")
	}
	return took, nil
}

// connection is a plugin of which only the connection is used.
type connection struct{ plugin.NetRPCUnsupportedPlugin }

// GRPCServer implements plugin.GRPCPlugin.
func (connection) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error {
	return errors.New("this is the client")
}

// GRPCClient implements plugin.GRPCPlugin.
func (connection) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return conn, nil
}
