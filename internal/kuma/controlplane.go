package kuma

import (
	"context"
	"errors"
	"net/http"
)

// ControlPlane is what a control plane says of itself. What it does not say, or
// not to this user, is "" or nil.
type ControlPlane struct {
	Product, Version string
	// Mode is "zone" or "global", before Kuma 2.6 also "standalone".
	Mode string
	// MeshMTLS tells whether a mesh can have mTLS backends.
	MeshMTLS *bool
	// ReadOnly tells that it takes no meshes: they are on the global control
	// plane, or in Kubernetes.
	ReadOnly *bool
	// Types are those of resources, by name.
	Types []Type
}

// ControlPlane asks the control plane what it is. It writes nothing.
func (c *Client) ControlPlane(ctx context.Context) (*ControlPlane, error) {
	about, err := c.getDocument(ctx, index, nil)
	if err != nil {
		return nil, err
	}
	is := &ControlPlane{}
	err = errors.Join(about.Decode("product", &is.Product), about.Decode("version", &is.Version))
	if err != nil || is.Version == "" {
		return nil, c.answerError(request{method: http.MethodGet, path: index}, http.StatusOK, nil)
	}
	config, err := c.getDocument(ctx, "config", nil)
	if err := keptQuiet(err); err != nil {
		return nil, err
	}
	if err == nil {
		_ = config.Decode("mode", &is.Mode) // of another kind it says nothing
	}
	kinds, err := c.getDocument(ctx, "_resources", nil)
	if err := keptQuiet(err); err != nil {
		return nil, err
	}
	if err == nil {
		is.MeshMTLS, is.ReadOnly = capabilities(kinds)
		is.Types, _ = typesIn(kinds) // of another kind they say nothing
	}
	return is, nil
}

// keptQuiet is nil when the control plane answered that it does not tell.
func keptQuiet(err error) error {
	var e *Error
	if errors.As(err, &e) && (e.Absent() || e.Forbidden() || e.Unauthenticated()) {
		return nil
	}
	return err
}

// capabilities follow from the kinds of resources that there are: mTLS backends
// went from the mesh in the version that TrafficPermission went in, which only
// works with them. A version number does not tell: some builds have none.
func capabilities(document *Document) (meshMTLS, readOnly *bool) {
	types := typesOf(document)
	if len(types) == 0 {
		return nil, nil
	}
	_, mtls := types["TrafficPermission"]
	return &mtls, types[MeshType].ReadOnly
}

// A resourceType is what `/_resources` says of a type.
type resourceType struct {
	Name string `json:"name"`
	// ReadOnly tells that this control plane takes no writes of it. On a zone that
	// belongs to a global control plane it is true of all types.
	ReadOnly *bool `json:"readOnly"`
}

// typesOf are the types of resources by name, none if a document has another form.
func typesOf(document *Document) map[string]resourceType {
	var list []resourceType
	if document.Decode("resources", &list) != nil {
		return nil
	}
	types := make(map[string]resourceType, len(list))
	for _, t := range list {
		types[t.Name] = t
	}
	return types
}
