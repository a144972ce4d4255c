//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
)

// parallel is the number of requests at a time, as many as Terraform makes by default.
const parallel = 10

// A bare sends the requests without which there is no triple: those that write its objects, or read them.
type bare struct {
	address string
	cas     string // the folder with those of the triples
	size    int
	client  *http.Client
}

func newBare(address, cas string, size int) *bare {
	return &bare{address, cas, size, &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: parallel}}}
}

// take makes a step, for several triples at a time.
func (b *bare) take(ctx context.Context, s step) (cost, error) {
	each := b.read
	switch s.Name {
	case "apply":
		each = b.create
	case "destroy":
		each = b.destroy
	}
	start := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i := range b.size {
		group.Go(func() error { return each(ctx, i) })
	}
	err := group.Wait()
	return cost{Seconds: time.Since(start).Seconds()}, err
}

// object is a document of the API.
type object = map[string]any

func (b *bare) create(ctx context.Context, i int) error {
	mesh := fmt.Sprintf("bench-%d", i)
	plain := object{"type": "Mesh", "name": mesh}
	if err := b.send(ctx, http.MethodPut, "/meshes/"+mesh, plain); err != nil {
		return err
	}
	for name, file := range map[string]string{"cert": "ca-chain.pem", "key": "ca-key.pem"} {
		content, err := os.ReadFile(filepath.Join(b.cas, fmt.Sprintf("ca-%d", i), file))
		if err != nil {
			return err
		}
		secret := object{"type": "Secret", "mesh": mesh, "name": name, "data": content} // JSON encodes bytes in base64
		if err := b.send(ctx, http.MethodPut, "/meshes/"+mesh+"/secrets/"+name, secret); err != nil {
			return err
		}
	}
	backend := object{"name": "ca-1", "type": "provided", "conf": object{"cert": object{"secret": "cert"}, "key": object{"secret": "key"}}}
	return b.send(ctx, http.MethodPut, "/meshes/"+mesh, object{
		"type": "Mesh", "name": mesh, "mtls": object{"enabledBackend": "ca-1", "backends": []object{backend}},
	})
}

func (b *bare) read(ctx context.Context, i int) error {
	mesh := fmt.Sprintf("/meshes/bench-%d", i)
	if err := b.send(ctx, http.MethodGet, mesh, nil); err != nil {
		return err
	}
	return b.send(ctx, http.MethodGet, mesh+"/secrets", nil)
}

func (b *bare) destroy(ctx context.Context, i int) error {
	mesh := fmt.Sprintf("bench-%d", i)
	if err := b.send(ctx, http.MethodPut, "/meshes/"+mesh, object{"type": "Mesh", "name": mesh}); err != nil {
		return err
	}
	for _, path := range []string{"/secrets/key", "/secrets/cert", ""} {
		if err := b.send(ctx, http.MethodDelete, "/meshes/"+mesh+path, nil); err != nil {
			return err
		}
	}
	return nil
}

// send sends a request, and reads the whole answer. The document is nil for a request without one.
func (b *bare) send(ctx context.Context, method, path string, document object) error {
	var body io.Reader = http.NoBody
	if document != nil {
		content, err := json.Marshal(document)
		if err != nil {
			return err
		}
		body = bytes.NewReader(content)
	}
	request, err := http.NewRequestWithContext(ctx, method, b.address+path, body)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := b.client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	content, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode >= http.StatusMultipleChoices {
		err = fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, content)
	}
	return err
}
