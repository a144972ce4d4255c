package kuma

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
)

// Mesh is the document of a mesh.
type Mesh struct {
	*Document
}

// writes is the maximum number of accepted writes of a change before it counts
// as dropped. Writes after which another client wrote the mesh do not count.
const writes = 3

// maxMesh is the maximum size of a mesh in bytes. A mesh with all possible
// settings has less than a tenth of that.
const maxMesh = 4 << 20

// contests is the maximum number of repetitions of a change because another
// client has written the mesh since.
const contests = 10

func meshPath(name string) string {
	return "meshes/" + url.PathEscape(name)
}

// NewMesh returns the document of a mesh without any settings.
func NewMesh(name string) *Mesh {
	return &Mesh{Document: meshKey(name).document(nil)}
}

// Clone returns an independent copy.
func (m *Mesh) Clone() *Mesh {
	return &Mesh{Document: m.Document.Clone()}
}

// Mesh reads a mesh. The error is [Absent] if it does not exist. The result is
// shared: do not change it.
func (c *Client) Mesh(ctx context.Context, name string) (*Mesh, error) {
	return c.MeshAsOf(ctx, name, Fresh)
}

// MeshAsOf is [Client.Mesh] with an answer that may be older.
func (c *Client) MeshAsOf(ctx context.Context, name string, age MaxAge) (*Mesh, error) {
	return share(ctx, c, meshPath(name), age, func() (*Mesh, error) {
		began := c.own.began()
		document, err := c.store.get(ctx, meshKey(name), age)
		if err != nil {
			return nil, err
		}
		if len(document.raw) > maxMesh {
			return nil, c.defectError(request{method: http.MethodGet, path: meshPath(name)}, http.StatusOK,
				fmt.Sprintf("is a mesh of %d bytes, which is longer than any", len(document.raw)))
		}
		mesh := &Mesh{Document: document}
		c.usages.record(name, mesh, c.config.Clock.Now())
		c.own.compare(name, began, document, c.config.Clock.Now(), func(path string) string { return c.quote(path, longestReason) })
		return mesh, nil
	})
}

// Meshes returns all meshes.
func (c *Client) Meshes(ctx context.Context) ([]*Mesh, error) {
	documents, err := c.store.list(ctx, key{path: "meshes", kind: MeshType}, Fresh)
	meshes := make([]*Mesh, len(documents))
	for i, document := range documents {
		meshes[i] = &Mesh{Document: document}
	}
	return meshes, err
}

// CreateMesh writes a mesh that does not exist yet, with the changes of edit,
// and reads it back. If the answer is lost, it reads whether the mesh exists.
// The result is that of [Client.UpdateMesh], but a mesh of which a part was
// dropped is returned together with the *DroppedError, because it exists.
func (c *Client) CreateMesh(ctx context.Context, name string, edit func(*Mesh) error) (*Mesh, error) {
	unlock, err := c.lock(ctx, meshPath(name))
	if err != nil {
		return nil, err
	}
	defer unlock()
	mesh := NewMesh(name)
	if err := edit(mesh); err != nil {
		return nil, err
	}
	if _, err := c.put(ctx, meshKey(name), mesh.Document, c.attempts(), c.config.MaxRetries); err != nil {
		there, known := false, !Uncertain(err)
		for try := 0; !known && try <= c.config.MaxRetries; try++ {
			_, readErr := c.MeshAsOf(ctx, name, anew)
			there, known = readErr == nil, readErr == nil || Absent(readErr)
		}
		switch {
		case !known:
			return mesh, err
		case !there:
			return nil, err
		}
	}
	return c.converge(ctx, name, edit, mesh)
}

// UpdateMesh changes a part of a mesh: it reads the mesh, calls edit to change
// it, writes it, and reads it back. edit must not touch a mesh that already has
// the change: this is how UpdateMesh detects success. If the change is missing
// because another client wrote the mesh at the same time, UpdateMesh repeats
// it. If the change never appears, the error is a *DroppedError.
//
// It does not simply repeat a failed write, which could undo changes of other
// clients. Instead, it reads the mesh again, which also shows whether a write
// without an answer took effect. It does the same after a conflict. The control
// plane has no conditional write, so a write of another client between a read
// and the write that follows at once is overwritten; see [Client.Overwritten]
// for the reverse.
//
// The result is the mesh as the control plane returns it. If edit changes
// nothing, UpdateMesh writes nothing. A mesh together with an error is one that
// was written, or may have been: *UnverifiedError reports a write that
// succeeded but could not be read back.
func (c *Client) UpdateMesh(ctx context.Context, name string, edit func(*Mesh) error) (*Mesh, error) {
	unlock, err := c.lock(ctx, meshPath(name))
	if err != nil {
		return nil, err
	}
	defer unlock()
	mesh, err := c.converge(ctx, name, edit, nil)
	if dropped := new(DroppedError); errors.As(err, &dropped) {
		return nil, err
	}
	return mesh, err
}

// converge is UpdateMesh without the lock. written is the last written mesh, or
// nil if there is none.
func (c *Client) converge(ctx context.Context, name string, edit func(*Mesh) error, written *Mesh) (*Mesh, error) {
	var (
		failure          error // its error
		accepted, failed int   // number of writes by result
		contested        int   // number of writes of other clients in between
		before           *Mesh // the mesh before the last write
		history          = c.attempts()
		paths            []string // the written paths
	)
	if written != nil {
		paths = changed(NewMesh(name).Document, written.Document)
	}
	for {
		current, wanted, err := c.edited(ctx, name, edit)
		switch {
		case err != nil && failure != nil && !Absent(err):
			return maybe(written, failure)
		case err != nil && written != nil && !Absent(err):
			return written, &UnverifiedError{Err: err}
		case err != nil:
			return current, err
		case wanted == nil:
			c.own.wrote(name, paths, current.Document, c.config.Clock.Now())
			return current, nil
		case failure != nil && (!history.again && !conflict(failure) || failed > c.config.MaxRetries):
			return nil, failure // the read has shown that it does not exist
		}
		if failure == nil && before != nil && differsElsewhere(before, current, paths) {
			accepted-- // it may have been stored, and overwritten after that
			contested++
		}
		if accepted == writes || contested == contests {
			return current, &DroppedError{Mesh: name, Contested: contested == contests, Fields: c.quoteFields(difference(current.Document, wanted.Document))}
		}
		before = current
		put := request{method: http.MethodPut, path: meshPath(name)}
		paths = append(paths, changed(current.Document, wanted.Document)...)
		c.own.writing(name, paths)
		history.lastUncertain = false // the read has shown the result of an earlier write
		written = wanted
		_, failure = c.put(ctx, meshKey(name), wanted.Document, history, 0)
		again := history.again || conflict(failure)
		switch {
		case failure == nil:
			accepted++
		case again:
			failed++
		case !Uncertain(failure):
			return nil, failure
		}
		// A change that is late or contested gets a short pause.
		if accepted > 1 || contested > 0 || again && failed <= c.config.MaxRetries {
			if err := c.pause(ctx, put, history); err != nil {
				return maybe(written, err)
			}
		}
	}
}

// differsElsewhere reports whether two versions of a mesh differ in more than
// these paths.
func differsElsewhere(before, after *Mesh, paths []string) bool {
	return slices.ContainsFunc(changed(before.Document, after.Document), func(path string) bool { return !slices.Contains(paths, path) })
}

// maybe returns the result of a failed write: the mesh, if it may have been
// written.
func maybe(written *Mesh, failure error) (*Mesh, error) {
	if Uncertain(failure) {
		return written, failure
	}
	return nil, failure
}

// edited reads a mesh and calls edit to change it. changed is nil if there is
// nothing to write.
func (c *Client) edited(ctx context.Context, name string, edit func(*Mesh) error) (current, changed *Mesh, err error) {
	current, err = c.MeshAsOf(ctx, name, anew)
	if err != nil {
		return nil, nil, err
	}
	changed = current.Clone()
	if err := edit(changed); err != nil {
		return nil, nil, err
	}
	if bytes.Equal(changed.Bytes(), current.Bytes()) {
		return current, nil, nil
	}
	return current, changed, nil
}

// DeleteMesh deletes a mesh. It succeeds if the mesh does not exist.
func (c *Client) DeleteMesh(ctx context.Context, name string) error {
	unlock, err := c.lock(ctx, meshPath(name))
	if err != nil {
		return err
	}
	defer unlock()
	c.own.forget(name)
	return c.delete(ctx, meshKey(name))
}

// SkipCreatingInitialPolicies returns the kinds of policies that the control
// plane does not create with the mesh. Without any, it returns an empty list,
// not nil.
func (m *Mesh) SkipCreatingInitialPolicies() ([]string, error) {
	kinds := []string{}
	err := m.Decode("skipCreatingInitialPolicies", &kinds)
	return kinds, err
}

// SetSkipCreatingInitialPolicies replaces these kinds. Their order has no
// meaning.
func (m *Mesh) SetSkipCreatingInitialPolicies(kinds []string) error {
	current, err := m.SkipCreatingInitialPolicies()
	if err != nil {
		return err
	}
	switch {
	case slices.Equal(slices.Sorted(slices.Values(current)), slices.Sorted(slices.Values(kinds))):
		return nil
	case len(kinds) == 0:
		m.Delete("skipCreatingInitialPolicies")
		return nil
	}
	encoded, err := json.Marshal(kinds)
	if err != nil {
		return fmt.Errorf("skipCreatingInitialPolicies: %w", err)
	}
	m.Set("skipCreatingInitialPolicies", encoded)
	return nil
}

// ZoneEgress reports whether traffic to other zones and to external services
// uses the zone egress. The control plane accepts it only with mTLS.
func (m *Mesh) ZoneEgress() (bool, error) {
	return valueAt[bool](m.Document, "routing", "zoneEgress")
}

// SetZoneEgress turns zone egress on or off.
func (m *Mesh) SetZoneEgress(on bool) error {
	return m.setFlag(on, "routing", "zoneEgress")
}

// setFlag sets a boolean in an object of the mesh, or removes it if it is false,
// which is its default.
func (m *Mesh) setFlag(on bool, object, name string) error {
	if current, err := valueAt[bool](m.Document, object, name); err != nil || current == on {
		return err
	}
	return m.EditObject(object, func(inner *Document) error {
		if on {
			inner.Set(name, json.RawMessage("true"))
		} else {
			inner.Delete(name)
		}
		return nil
	})
}
