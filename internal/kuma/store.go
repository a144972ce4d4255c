package kuma

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
)

// A store is where a control plane keeps its objects, as far as this package
// writes them. It is the only place that knows how an object is sent: all else
// works on documents in the form of the HTTP API.
type store interface {
	// get reads one object, which may be as old as age. The error is [Absent] when it
	// does not exist.
	get(ctx context.Context, of key, age MaxAge) (*Document, error)
	// list reads all objects of a kind, of one mesh or of none, which may be as old
	// as age. The key has no name.
	list(ctx context.Context, of key, age MaxAge) ([]*Document, error)
	// put writes a document, with up to so many retries. The result is the document
	// that the next write of the object starts from.
	put(ctx context.Context, of key, document *Document, history *attempts, retries int) (*Document, error)
	// delete removes one object, with up to so many retries. The error is [Absent]
	// when it does not exist. A store that reads the object first calls check, if
	// that is not nil, and deletes no other version of it.
	delete(ctx context.Context, of key, check func(*Document) error, history *attempts, retries int) error
	// checkWrites is [Client.CheckWrites], and checkSecretWrites
	// [Client.CheckSecretWrites], of global secrets for a key without a mesh.
	checkWrites(ctx context.Context, kind string) error
	checkSecretWrites(ctx context.Context, of key) error
	// tryPut and tryDelete ask, without a write, whether the control plane accepts
	// one. The error is its rejection. It is nil if only the write shows the answer.
	// edit changes the current document, or a new one.
	tryPut(ctx context.Context, of key, edit func(*Document) error) error
	tryDelete(ctx context.Context, of key) error
	// types is [Client.Types].
	types(ctx context.Context) ([]Type, error)
}

// A key says which object a request is about. mesh is "" for an object that
// belongs to no mesh, and name is "" for a list. path is that of the HTTP API.
type key struct {
	path, kind, mesh, name string
	// anywhere includes objects that the store does not write, such as those in other
	// namespaces of Kubernetes.
	anywhere bool
}

func meshKey(name string) key {
	return key{path: meshPath(name), kind: MeshType, name: name}
}

func secretKey(mesh, name string) key {
	of := secretsKey(mesh)
	return key{path: of.path + "/" + url.PathEscape(name), kind: of.kind, mesh: mesh, name: name}
}

func secretsKey(mesh string) key {
	return key{path: meshPath(mesh) + "/secrets", kind: SecretType, mesh: mesh}
}

func globalSecretKey(name string) key {
	of := globalSecretsKey()
	return key{path: of.path + "/" + url.PathEscape(name), kind: of.kind, name: name}
}

func globalSecretsKey() key {
	return key{path: globalSecretsPath, kind: GlobalSecretType}
}

// document is what previous has, nil for nothing, as a document of this key.
func (k key) document(previous *Document) *Document {
	document := NewDocument()
	if previous != nil {
		document = previous.Clone()
	}
	document.Set("type", text(k.kind))
	if k.mesh != "" {
		document.Set("mesh", text(k.mesh))
	}
	document.Set("name", text(k.name))
	return document
}

// put writes one document through the store, and forgets what was read before.
func (c *Client) put(ctx context.Context, of key, document *Document, history *attempts, retries int) (*Document, error) {
	c.sent.addFrom(document.Bytes())
	c.shared.forget(http.MethodPut, of.path)
	defer c.shared.forget(http.MethodPut, of.path)
	return c.store.put(ctx, of, document, history, retries)
}

// delete removes one object. That it does not exist is success.
func (c *Client) delete(ctx context.Context, of key) error {
	if err := c.remove(ctx, of, nil); !Absent(err) {
		return err
	}
	return nil
}

// remove is delete where the object must exist: the error is [Absent] if it does not.
// After a conflict, check decides whether the new version may be deleted, too.
func (c *Client) remove(ctx context.Context, of key, check func(*Document) error) error {
	c.shared.forget(http.MethodDelete, of.path)
	defer c.shared.forget(http.MethodDelete, of.path)
	history := c.attempts()
	for try := 0; ; try++ {
		err := c.store.delete(ctx, of, check, history, c.config.MaxRetries)
		if !conflict(err) || try == c.config.MaxRetries {
			return err
		}
		if err := c.pause(ctx, request{method: http.MethodDelete, path: of.path}, history); err != nil {
			return err
		}
		if check == nil {
			continue
		}
		document, err := c.store.get(ctx, of, anew)
		if err == nil {
			err = check(document)
		}
		if err != nil {
			return err
		}
	}
}

// httpStore is the HTTP API of the control plane. It knows no conditional write.
type httpStore struct {
	*Client
}

func (s httpStore) get(ctx context.Context, of key, _ MaxAge) (*Document, error) {
	document, err := s.getDocument(ctx, of.path, nil)
	if err != nil {
		return nil, err
	}
	if err := s.check(document, of); err != nil {
		return nil, err
	}
	return document, nil
}

func (s httpStore) list(ctx context.Context, of key, _ MaxAge) ([]*Document, error) {
	items, err := s.items(ctx, of.path)
	if err != nil {
		return nil, err
	}
	documents := make([]*Document, len(items))
	for i, item := range items {
		document, err := ParseDocument(item)
		if err != nil {
			return nil, err
		}
		wanted := of
		if of.mesh == "" { // of all meshes
			err = document.Decode("mesh", &wanted.mesh)
		}
		if err := errors.Join(err, s.check(document, wanted)); err != nil {
			return nil, err
		}
		documents[i] = document
	}
	return documents, nil
}

func (s httpStore) put(ctx context.Context, of key, document *Document, history *attempts, retries int) (*Document, error) {
	return document, s.write(ctx, request{method: http.MethodPut, path: of.path, body: document.Bytes()}, history, retries)
}

func (s httpStore) delete(ctx context.Context, of key, _ func(*Document) error, history *attempts, retries int) error {
	return s.write(ctx, request{method: http.MethodDelete, path: of.path}, history, retries)
}

// write sends a request whose answer is empty (2.7), or an object that may have
// warnings (2.14). Any other is not a control plane's, regardless of its status.
func (s httpStore) write(ctx context.Context, r request, history *attempts, retries int) error {
	answer, err := s.send(ctx, r, history, retries)
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(answer.body)) == 0 {
		return nil
	}
	document, err := ParseDocument(answer.body)
	if err != nil {
		return s.answerError(r, answer.status, answer.body)
	}
	var warnings []string
	_ = document.Decode("warnings", &warnings) // of another kind they say nothing
	s.warned.add(r.path, s.quoteFields(warnings))
	return nil
}
