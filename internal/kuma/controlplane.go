package kuma

import (
	"context"
	"errors"
	"net/http"
)

// ControlPlane describes a control plane. A value that the control plane does
// not show to this user is "" or nil.
type ControlPlane struct {
	Product, Version string
	// Mode is "zone" or "global", or "standalone" before Kuma 2.6.
	Mode string
	// Environment is "universal" or "kubernetes".
	Environment string
	// MeshMTLS reports whether a mesh can have mTLS backends.
	MeshMTLS *bool
	// ReadOnly reports whether the control plane rejects writes of meshes,
	// because they are on the global control plane or in Kubernetes.
	ReadOnly *bool
	// Types are those of resources, by name.
	Types []Type
}

// ControlPlane reads the description of the control plane. It writes nothing.
func (c *Client) ControlPlane(ctx context.Context) (*ControlPlane, error) {
	info, err := c.getDocument(ctx, index, nil)
	if err != nil {
		return nil, err
	}
	is := &ControlPlane{}
	err = errors.Join(info.Decode("product", &is.Product), info.Decode("version", &is.Version))
	if err != nil || is.Version == "" {
		return nil, c.answerError(request{method: http.MethodGet, path: index}, http.StatusOK, nil)
	}
	config, err := c.getDocument(ctx, "config", nil)
	if err := ignoreAnswer(err); err != nil {
		return nil, err
	}
	if err == nil {
		_, _ = config.Decode("mode", &is.Mode), config.Decode("environment", &is.Environment) // values of another type are ignored
	}
	kinds, err := c.getDocument(ctx, "_resources", nil)
	if err := ignoreAnswer(err); err != nil {
		return nil, err
	}
	if err == nil {
		is.Types, _ = typesIn(kinds) // of another kind they say nothing
		is.MeshMTLS, is.ReadOnly = capabilities(is.Types)
	}
	return is, nil
}

// ignoreAnswer returns nil for an answer that refuses the information.
func ignoreAnswer(err error) error {
	var e *Error
	if errors.As(err, &e) && (e.Absent() || e.Forbidden() || e.Unauthenticated()) {
		return nil
	}
	return err
}

// capabilities derives the capabilities from the types of resources: Kuma
// removed mTLS backends in the version that removed TrafficPermission, which
// only works with them. The version number is not sufficient: some builds have
// none.
func capabilities(types []Type) (meshMTLS, readOnly *bool) {
	if len(types) == 0 {
		return nil, nil
	}
	_, mtls := typeNamed(types, "TrafficPermission")
	if mesh, ok := typeNamed(types, MeshType); ok {
		readOnly = &mesh.ReadOnly
	}
	return &mtls, readOnly
}
