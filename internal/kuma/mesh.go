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

// writes is how often a change is accepted before it counts as dropped: once,
// and twice more when another client wrote in between.
const writes = 3

// maxMesh is how long a mesh may be, in bytes. One with all that there is has
// less than a tenth of that.
const maxMesh = 4 << 20

// contests is how often a change is made again because another client has
// written the mesh since.
const contests = 10

func meshPath(name string) string {
	return "meshes/" + url.PathEscape(name)
}

// NewMesh is the document of a mesh without any settings.
func NewMesh(name string) *Mesh {
	return &Mesh{Document: meshKey(name).document(nil)}
}

// Clone is an independent copy.
func (m *Mesh) Clone() *Mesh {
	return &Mesh{Document: m.Document.Clone()}
}

// Mesh reads a mesh. The error is [Absent] when it is not there. The result is
// shared: it must not be changed.
func (c *Client) Mesh(ctx context.Context, name string) (*Mesh, error) {
	return c.MeshAsOf(ctx, name, Fresh)
}

// MeshAsOf is [Client.Mesh] with an answer that may be older.
func (c *Client) MeshAsOf(ctx context.Context, name string, age Freshness) (*Mesh, error) {
	return share(ctx, c, meshPath(name), age, func() (*Mesh, error) {
		began := c.own.began()
		document, err := c.store.get(ctx, meshKey(name))
		if err != nil {
			return nil, err
		}
		if len(document.raw) > maxMesh {
			answer := c.answerError(request{method: http.MethodGet, path: meshPath(name)}, http.StatusOK, nil)
			answer.Defect = fmt.Sprintf("is a mesh of %d bytes, which is longer than any", len(document.raw))
			return nil, answer
		}
		mesh := &Mesh{Document: document}
		c.looks.see(name, mesh, c.config.Clock.Now())
		c.own.compare(name, began, document, c.config.Clock.Now(), func(path string) string { return c.quote(path, longestReason) })
		return mesh, nil
	})
}

// Meshes lists all meshes, all pages of them.
func (c *Client) Meshes(ctx context.Context) ([]*Mesh, error) {
	return list(ctx, c, meshesKey(), func(document *Document) *Mesh { return &Mesh{Document: document} })
}

// CreateMesh writes a mesh that is not there yet, with all that edit puts into
// it, and reads it back. Where the answer is lost it looks whether the mesh is
// there. The result is that of [Client.UpdateMesh], except that a mesh of which
// a part was dropped comes together with the *DroppedError: it is there.
func (c *Client) CreateMesh(ctx context.Context, name string, edit func(*Mesh) error) (*Mesh, error) {
	unlock, err := c.lock(ctx, name)
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
			_, look := c.MeshAsOf(ctx, name, anew)
			there, known = look == nil, look == nil || Absent(look)
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

// UpdateMesh changes a part of a mesh: it reads the mesh, lets edit change it,
// writes it, and reads it back. edit must leave a mesh that is already as
// wanted untouched: that is how UpdateMesh knows that the change is there. When
// it is not, because another client wrote the mesh at the same time, it is made
// again; when it never appears the error is a *DroppedError.
//
// A write that fails is not simply repeated, which could undo what others wrote
// in the meantime: the mesh is read again first, which also tells whether a
// write whose answer was lost had its effect. A write that conflicts with another
// one is made again in the same way. The control plane knows no conditional
// write, so what others write between a read and the write that follows at once
// is overwritten; see [Client.Overwritten] for the reverse.
//
// The result is the mesh as the control plane gives it back. Nothing is
// written when edit changes nothing. A mesh together with an error is one that
// was written, or may have been: *UnverifiedError is a write that succeeded and
// could not be read back.
func (c *Client) UpdateMesh(ctx context.Context, name string, edit func(*Mesh) error) (*Mesh, error) {
	unlock, err := c.lock(ctx, name)
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

// converge is UpdateMesh without the lock. written is what was put last, nil if
// nothing was.
func (c *Client) converge(ctx context.Context, name string, edit func(*Mesh) error, written *Mesh) (*Mesh, error) {
	var (
		failure          error // what that failed with
		accepted, failed int   // how many puts did what
		contested        int   // how often another client wrote in between
		before           *Mesh // what was read before the last put
		course           = c.attempts()
		paths            []string // what was put there
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
		case failure != nil && (!course.again && !conflict(failure) || failed > c.config.MaxRetries):
			return nil, failure // the read has told that it is not there
		}
		if failure == nil && before != nil && differsElsewhere(before, current, paths) {
			accepted-- // it may have been kept, and overwritten then
			contested++
		}
		if accepted == writes || contested == contests {
			return current, &DroppedError{Mesh: name, Contested: contested == contests, Fields: c.quoteFields(difference(current.Document, wanted.Document))}
		}
		before = current
		put := request{method: http.MethodPut, path: meshPath(name)}
		paths = append(paths, changed(current.Document, wanted.Document)...)
		c.own.writing(name, paths)
		course.vague = false // what an earlier write may have done, the read has told
		written = wanted
		_, failure = c.put(ctx, meshKey(name), wanted.Document, course, 0)
		again := course.again || conflict(failure)
		switch {
		case failure == nil:
			accepted++
		case again:
			failed++
		case !Uncertain(failure):
			return nil, failure
		}
		// What reads back late, or is fought over, gets a little time.
		if accepted > 1 || contested > 0 || again && failed <= c.config.MaxRetries {
			if err := c.pause(ctx, put, course); err != nil {
				return maybe(written, err)
			}
		}
	}
}

// differsElsewhere tells whether two states of a mesh differ in more than some paths.
func differsElsewhere(before, after *Mesh, paths []string) bool {
	return slices.ContainsFunc(changed(before.Document, after.Document), func(path string) bool { return !slices.Contains(paths, path) })
}

// maybe is the outcome of a write that failed: the mesh, if it may be there.
func maybe(written *Mesh, failure error) (*Mesh, error) {
	if Uncertain(failure) {
		return written, failure
	}
	return nil, failure
}

// edited reads a mesh and lets edit change it. changed is nil when there is
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

// DeleteMesh removes a mesh. That it is not there is success.
func (c *Client) DeleteMesh(ctx context.Context, name string) error {
	unlock, err := c.lock(ctx, name)
	if err != nil {
		return err
	}
	defer unlock()
	c.own.forget(name)
	return c.delete(ctx, meshKey(name))
}

// SkipCreatingInitialPolicies are the kinds of policies that the control plane
// does not make with the mesh. Without any they are empty, not nil.
func (m *Mesh) SkipCreatingInitialPolicies() ([]string, error) {
	kinds := []string{}
	err := m.Decode("skipCreatingInitialPolicies", &kinds)
	return kinds, err
}

// SetSkipCreatingInitialPolicies replaces them. Their order means nothing.
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
// goes through the zone egress. The control plane accepts it only with mTLS.
func (m *Mesh) ZoneEgress() (bool, error) {
	routing, err := m.Object("routing")
	if err != nil {
		return false, err
	}
	var on bool
	err = routing.Decode("zoneEgress", &on)
	return on, err
}

// SetZoneEgress turns zone egress on or off.
func (m *Mesh) SetZoneEgress(on bool) error {
	current, err := m.ZoneEgress()
	if err != nil || current == on {
		return err
	}
	return m.EditObject("routing", func(routing *Document) error {
		if on {
			routing.Set("zoneEgress", json.RawMessage("true"))
		} else {
			routing.Delete("zoneEgress")
		}
		return nil
	})
}
