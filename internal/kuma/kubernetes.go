package kuma

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Kubernetes is how to reach the API server of the cluster that a control plane
// keeps its objects in.
type Kubernetes struct {
	// Address is the URL of the API server.
	Address *url.URL
	// Transport sends a request with the credentials of the user, over connections
	// that trust the server.
	Transport http.RoundTripper
	// Namespace is the system namespace of the control plane, which has the secrets.
	// "" is the one that the control plane itself reports, or else kuma-system.
	Namespace string
	// Origins say where the parts of it were configured.
	Origins Origins
	// Secrets is called once, with what is to be told of each credential that is
	// sent: none of them is in a message. nil: there are none.
	Secrets func(sent func(secret []byte))
}

// What Kuma's objects are called (recording, "the documentation's sample").
const (
	meshObjects       = "apis/kuma.io/v1alpha1/meshes"
	ofMesh            = "system.kuma.io/secret"
	ofNoMesh          = "system.kuma.io/global-secret"
	meshLabel         = "kuma.io/mesh"
	defaultMesh       = "default" // of a secret without the label
	defaultNamespace  = "kuma-system"
	objectsAtOnce     = "500"
	fieldManager      = "terraform-provider-kongmesh"
	secretValue       = "value"
	inUseTime         = 5 * time.Second // how long the webhook's cache may still know a use
	inUsePause        = 250 * time.Millisecond
	reasonNotFound    = "NotFound"
	reasonInvalid     = "Invalid"
	statusKind        = "Status"
	deleteOptionsKind = "DeleteOptions"
)

// TakenError is a secret that cannot be created, because its name is taken in the
// namespace: names of secrets are unique there, not in the mesh.
type TakenError struct {
	Namespace, Name string
	// Mesh is the mesh of the secret that has the name. It is "" for a secret of
	// another type.
	Mesh string
}

func (e *TakenError) Error() string {
	owner := "another kind of secret"
	if e.Mesh != "" {
		owner = fmt.Sprintf("a secret of mesh %q", e.Mesh)
	}
	return fmt.Sprintf("%s in namespace %q has the name %q already", owner, e.Namespace, e.Name)
}

// kubernetesStore is the API of Kubernetes. A write is bound to the version of the
// object that was read, so that no write of another client is lost.
type kubernetesStore struct {
	*Client
	server *endpoint

	mu    sync.Mutex
	wrote map[string]ownObject // meshes by name, as this client last wrote them
}

// An ownObject is an object that this client wrote.
type ownObject struct {
	uid, generation string
	at              time.Time // by the server's clock
}

func newKubernetesStore(client *Client, config Config) *kubernetesStore {
	is := config.Kubernetes
	return &kubernetesStore{
		Client: client,
		wrote:  map[string]ownObject{},
		server: &endpoint{
			server:  KubernetesServer,
			address: is.Address,
			origins: is.Origins,
			http:    &http.Client{Transport: whole(config, is.Transport)},
			header:  func(http.Header) {}, // the transport adds the credentials
			read:    readStatus,
			fault: func(answer *http.Response) bool {
				return answer.StatusCode >= http.StatusInternalServerError && !byWebhook(answer)
			},
			transient: func(answer *http.Response) bool {
				return transient(answer.StatusCode) || answer.StatusCode == http.StatusInternalServerError && !byWebhook(answer)
			},
		},
	}
}

// A kubernetesStatus is an answer of Kubernetes without success.
type kubernetesStatus struct {
	Kind    string `json:"kind"`
	Message string `json:"message"`
	Reason  string `json:"reason"`
	Code    int    `json:"code"`
	Details struct {
		Name   string `json:"name"`
		Causes []struct {
			Message string `json:"message"`
			Field   string `json:"field"`
		} `json:"causes"`
	} `json:"details"`
}

func parseStatus(code int, body []byte) (kubernetesStatus, bool) {
	var is kubernetesStatus
	err := json.Unmarshal(body, &is)
	return is, err == nil && is.Kind == statusKind && is.Code == code
}

// byWebhook tells a webhook's refusal from a failure: both may be 500, and only what
// the API server itself says has a reason (recording, "changes of a mesh that is in
// use" and "the control plane is down").
func byWebhook(answer *http.Response) bool {
	is, ok := parseStatus(answer.StatusCode, contentOf(answer))
	return ok && is.Reason == ""
}

// readStatus reads the API server's own words.
func readStatus(e *Error, body []byte) bool {
	is, ok := parseStatus(e.Status, body)
	if !ok {
		return false
	}
	e.Title, e.Detail = cmp.Or(is.Reason, "Denied"), is.Message
	e.absent = is.Reason == reasonNotFound && is.Details.Name != "" && strings.HasSuffix(e.Path, "/"+url.PathEscape(is.Details.Name))
	if is.Reason != reasonInvalid {
		return true
	}
	for _, cause := range is.Details.Causes {
		e.Parameters = append(e.Parameters, InvalidParameter{Field: fieldOf(cause.Field), Reason: cause.Message})
	}
	if len(e.Parameters) > 0 {
		e.Detail = "" // it repeats them
	}
	return true
}

// fieldOf is a field of an object as a field of the document.
func fieldOf(field string) string {
	if field == "data."+secretValue {
		return "data"
	}
	field = strings.TrimPrefix(field, "spec.")
	return strings.TrimPrefix(field, "metadata.")
}

// collection is the path of the objects of a kind.
func (s *kubernetesStore) collection(ctx context.Context, kind string) (string, error) {
	if kind == MeshType {
		return meshObjects, nil
	}
	namespace, err := s.namespace(ctx)
	return "api/v1/namespaces/" + url.PathEscape(namespace) + "/secrets", err
}

func (s *kubernetesStore) path(ctx context.Context, of key) (string, error) {
	collection, err := s.collection(ctx, of.kind)
	return collection + "/" + url.PathEscape(of.name), err
}

// namespace is the system namespace of the control plane.
func (s *kubernetesStore) namespace(ctx context.Context) (string, error) {
	if configured := s.config.Kubernetes.Namespace; configured != "" || s.api.address == nil {
		return cmp.Or(configured, defaultNamespace), nil
	}
	config, err := s.peek(ctx, "config", nil)
	if err != nil {
		if Transient(err) { // its secrets must not go anywhere else
			return "", err
		}
		return defaultNamespace, nil
	}
	var told string
	if value := valueAt(config, []string{"store", "kubernetes", "systemNamespace"}); value != nil {
		_ = json.Unmarshal(value, &told) // of another kind it says nothing
	}
	return cmp.Or(told, defaultNamespace), nil
}

// typeOf is the type of the secrets of a kind.
func typeOf(kind string) string {
	switch kind {
	case SecretType:
		return ofMesh
	case GlobalSecretType:
		return ofNoMesh
	}
	return ""
}

func (s *kubernetesStore) get(ctx context.Context, of key, age MaxAge) (*Document, error) {
	if !inObjects(of.kind) {
		return httpStore{s.Client}.get(ctx, of, age)
	}
	if age > Fresh {
		all, err := s.all(ctx, of.kind, age)
		switch {
		case err != nil && !Forbidden(err): // to list may need more than to read
			return nil, err
		case all[of.objectKey()] != nil:
			return all[of.objectKey()], nil
		}
	}
	object, date, err := s.object(ctx, of)
	if err != nil {
		return nil, err
	}
	return s.document(object, of, date)
}

// inObjects reports whether the store has a kind. The other kinds are read with the
// API of the control plane, and not written.
func inObjects(kind string) bool { return kind == MeshType || typeOf(kind) != "" }

// objectKey is a key without what only the HTTP API has.
func (k key) objectKey() key { return key{kind: k.kind, mesh: k.mesh, name: k.name} }

// all reads all objects of a kind in one request, which several may share.
func (s *kubernetesStore) all(ctx context.Context, kind string, age MaxAge) (map[key]*Document, error) {
	return share(ctx, s.Client, objectReads+kind, age, func() (map[key]*Document, error) {
		all := map[key]*Document{}
		err := s.each(ctx, kind, "", func(is key, document *Document) { all[is.objectKey()] = document })
		return all, err
	})
}

// object reads an object. What is another kind of secret, or one of another mesh,
// is absent.
func (s *kubernetesStore) object(ctx context.Context, of key) (object *Document, date time.Time, err error) {
	path, err := s.path(ctx, of)
	if err != nil {
		return nil, date, err
	}
	r := request{to: s.server, method: http.MethodGet, path: path}
	object, date, err = s.read(ctx, r)
	if err != nil {
		return nil, date, err
	}
	is, err := s.keyOf(object)
	switch {
	case err != nil:
		return nil, date, err
	case is.name != of.name:
		answer := s.answerError(r, http.StatusOK, nil)
		answer.Defect = fmt.Sprintf("is another object: its name is %q, not %q", s.quote(is.name, longestReason), of.name)
		return nil, date, answer
	case is.kind != of.kind || is.mesh != of.mesh:
		answer := s.answerError(r, http.StatusNotFound, nil)
		answer.Title, answer.Detail, answer.absent = reasonNotFound, "the secret does not belong to this mesh", true
		return nil, date, answer
	}
	return object, date, nil
}

// read sends a read and takes its answer as an object.
func (s *kubernetesStore) read(ctx context.Context, r request) (object *Document, date time.Time, err error) {
	answer, err := s.send(ctx, r, s.attempts(), s.config.MaxRetries)
	if err != nil {
		return nil, date, err
	}
	object, err = s.parse(r, answer)
	return object, answer.date, err
}

func (s *kubernetesStore) parse(r request, answer *response) (*Document, error) {
	object, err := ParseDocument(answer.body)
	if err != nil {
		return nil, s.answerError(r, answer.status, answer.body)
	}
	if depth(object.raw) > maxDepth {
		refusal := s.answerError(r, answer.status, nil)
		refusal.Defect = "is nested more deeply than any of a control plane"
		return nil, refusal
	}
	return object, nil
}

// keyOf is what an object is: kind "" for a secret that is none of Kuma's.
func (s *kubernetesStore) keyOf(object *Document) (key, error) {
	metadata, err := object.Object("metadata")
	if err != nil {
		return key{}, err
	}
	var (
		is             key
		kind, withType string
		labels         map[string]string
	)
	err = errors.Join(object.Decode("kind", &kind), object.Decode("type", &withType), metadata.Decode("name", &is.name), metadata.Decode("labels", &labels))
	switch {
	case err != nil:
		return key{}, err
	case withType == ofMesh:
		is.kind, is.mesh = SecretType, cmp.Or(labels[meshLabel], defaultMesh)
	case withType == ofNoMesh:
		is.kind = GlobalSecretType
	case withType == "":
		is.kind = kind
	}
	return is, nil
}

// document is an object in the form of the HTTP API. What that has at the top is
// in the object's spec, and the text of it stays as it is.
// date is the time of the answer.
func (s *kubernetesStore) document(object *Document, of key, date time.Time) (*Document, error) {
	metadata, err := object.Object("metadata")
	if err != nil {
		return nil, err
	}
	document := of.document(nil)
	document.stored = object
	if of.kind == MeshType {
		document.written = s.written(of.name, metadata, date)
	}
	if created := metadata.Get("creationTimestamp"); created != nil {
		document.Set("creationTime", created)
	}
	if labels := metadata.Get("labels"); labels != nil {
		document.Set("labels", labels)
	}
	if of.kind != MeshType {
		data, err := object.Object("data")
		if err != nil {
			return nil, err
		}
		document.Set("data", firstOf(data.Get(secretValue), text("")))
		return document, nil
	}
	spec, err := object.Object("spec")
	if err != nil {
		return nil, err
	}
	for _, e := range elements(spec.raw) {
		document.Set(e.name, spec.raw[e.start:e.end])
	}
	return document, nil
}

// written is when an object was last written: as the answer to this client's own
// write had it, or as its managers say, or not after it was read. That is unknown for
// an object of which no manager is known (recording, "writes of a Mesh").
func (s *kubernetesStore) written(name string, metadata *Document, read time.Time) time.Time {
	s.mu.Lock()
	own, mine := s.wrote[name]
	s.mu.Unlock()
	mine = mine && own.uid == string(metadata.Get("uid"))
	if mine && own.generation == string(metadata.Get("generation")) {
		return own.at
	}
	var managers []struct {
		Time time.Time `json:"time"`
	}
	newest := time.Time{}
	if metadata.Decode("managedFields", &managers) == nil {
		for _, manager := range managers {
			if manager.Time.After(newest) {
				newest = manager.Time
			}
		}
	}
	switch {
	case !newest.IsZero():
		return newest
	case mine:
		return own.at
	}
	return read
}

// firstOf is the first value that exists.
func firstOf(values ...json.RawMessage) json.RawMessage {
	for _, value := range values {
		if value != nil {
			return value
		}
	}
	return nil
}

// objectOf is a document as the object to write. All else that the object was read
// with stays, its version included.
func (s *kubernetesStore) objectOf(ctx context.Context, document *Document, of key) (*Document, error) {
	object := document.stored
	if object == nil {
		var err error
		if object, err = s.newObject(ctx, of); err != nil {
			return nil, err
		}
	}
	object = object.Clone()
	err := object.EditObject("metadata", func(metadata *Document) error {
		labels, err := document.Object("labels")
		if err != nil {
			return err
		}
		if of.kind == SecretType && labels.Get(meshLabel) == nil && document.stored == nil {
			labels.Set(meshLabel, text(of.mesh))
		}
		setObject(metadata, "labels", labels)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if of.kind != MeshType {
		return object, object.EditObject("data", func(data *Document) error {
			data.Set(secretValue, firstOf(document.Get("data"), text("")))
			return nil
		})
	}
	spec := NewDocument()
	for _, e := range elements(document.raw) {
		if !slices.Contains([]string{"type", "name", "labels", "creationTime", "modificationTime"}, e.name) {
			spec.Set(e.name, document.raw[e.start:e.end])
		}
	}
	object.Set("spec", spec.Bytes())
	return object, nil
}

// setObject sets a member to an object, or removes it where that is empty.
func setObject(d *Document, name string, value *Document) {
	switch {
	case bytes.Equal(d.Get(name), value.Bytes()):
	case value.Empty():
		d.Delete(name)
	default:
		d.Set(name, value.Bytes())
	}
}

func (s *kubernetesStore) newObject(ctx context.Context, of key) (*Document, error) {
	object, metadata := NewDocument(), NewDocument()
	metadata.Set("name", text(of.name))
	identify(object, of.kind)
	if of.kind != MeshType {
		namespace, err := s.namespace(ctx)
		if err != nil {
			return nil, err
		}
		metadata.Set("namespace", text(namespace))
		object.Set("type", text(typeOf(of.kind)))
	}
	object.Set("metadata", metadata.Bytes())
	return object, nil
}

// identify sets what the items of a list do not have.
func identify(object *Document, kind string) {
	version, name := "v1", "Secret"
	if kind == MeshType {
		version, name = "kuma.io/v1alpha1", "Mesh"
	}
	object.Set("apiVersion", text(version))
	object.Set("kind", text(name))
}

func (s *kubernetesStore) list(ctx context.Context, of key, age MaxAge) ([]*Document, error) {
	documents := []*Document{}
	if age > Fresh {
		all, err := s.all(ctx, of.kind, age)
		for is, document := range all {
			if is.mesh == of.mesh {
				documents = append(documents, document)
			}
		}
		slices.SortFunc(documents, func(a, b *Document) int { return bytes.Compare(a.Get("name"), b.Get("name")) })
		return documents, err
	}
	err := s.each(ctx, of.kind, of.mesh, func(is key, document *Document) {
		if is.mesh == of.mesh {
			documents = append(documents, document)
		}
	})
	return documents, err
}

// each reads the objects of a kind, at least those of a mesh where one is given.
func (s *kubernetesStore) each(ctx context.Context, kind, mesh string, do func(is key, document *Document)) error {
	ctx, cancel := s.config.Clock.WithTimeout(ctx, maxListTime)
	defer cancel()
	path, err := s.collection(ctx, kind)
	if err != nil {
		return err
	}
	query := url.Values{"limit": {objectsAtOnce}}
	if kind != MeshType {
		query.Set("fieldSelector", "type="+typeOf(kind))
	}
	if mesh != "" && mesh != defaultMesh { // to which those without the label belong
		query.Set("labelSelector", meshLabel+"="+mesh)
	}
	for range maxPages {
		answer, date, err := s.read(ctx, request{to: s.server, method: http.MethodGet, path: path, query: query})
		if err != nil {
			return err
		}
		items, err := answer.Items("items")
		if err != nil {
			return err
		}
		for _, item := range items {
			is, err := s.keyOf(item)
			if err != nil {
				return err
			}
			is.kind = kind // the selector has chosen the type
			identify(item, kind)
			document, err := s.document(item, is, date)
			if err != nil {
				return err
			}
			do(is, document)
		}
		metadata, err := answer.Object("metadata")
		if err != nil {
			return err
		}
		next := ""
		if err := metadata.Decode("continue", &next); err != nil || next == "" {
			return err
		}
		query.Set("continue", next)
	}
	return fmt.Errorf("the list %s has more than %d pages", path, maxPages)
}

// put creates an object that the document was not read from, and replaces the
// version that it was read from otherwise. The error is a conflict where another
// client was faster.
func (s *kubernetesStore) put(ctx context.Context, of key, document *Document, history *attempts, retries int) (*Document, error) {
	if !inObjects(of.kind) {
		return nil, s.checkWrites(ctx, of.kind)
	}
	r, err := s.putRequest(ctx, of, document)
	if err != nil {
		return nil, err
	}
	answer, err := s.send(ctx, r, history, retries)
	if err != nil {
		if document.stored == nil && conflict(err) && of.kind != MeshType {
			return nil, s.taken(ctx, of, err)
		}
		return nil, err
	}
	written, err := s.parse(r, answer)
	if err != nil {
		return nil, err
	}
	if err := s.note(of, written, answer.date); err != nil {
		return nil, err
	}
	return s.document(written, of, answer.date)
}

// putRequest returns the request that writes a document.
func (s *kubernetesStore) putRequest(ctx context.Context, of key, document *Document) (request, error) {
	object, err := s.objectOf(ctx, document, of)
	if err != nil {
		return request{}, err
	}
	collection, err := s.collection(ctx, of.kind)
	if err != nil {
		return request{}, err
	}
	r := request{
		to: s.server, method: http.MethodPut, path: collection + "/" + url.PathEscape(of.name),
		query: url.Values{"fieldManager": {fieldManager}}, body: object.Bytes(),
	}
	if document.stored == nil {
		r.method, r.path = http.MethodPost, collection
	}
	return r, nil
}

// note remembers when this client wrote a mesh.
func (s *kubernetesStore) note(of key, object *Document, at time.Time) error {
	metadata, err := object.Object("metadata")
	if err != nil || of.kind != MeshType {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrote[of.name] = ownObject{string(metadata.Get("uid")), string(metadata.Get("generation")), at}
	return nil
}

// taken says what has the name of a secret that could not be created: conflict,
// where it is that secret.
func (s *kubernetesStore) taken(ctx context.Context, of key, conflict error) error {
	path, err := s.path(ctx, of)
	if err != nil {
		return conflict
	}
	object, _, err := s.read(ctx, request{to: s.server, method: http.MethodGet, path: path})
	if err != nil {
		return conflict
	}
	is, err := s.keyOf(object)
	if err != nil || is.kind == of.kind && is.mesh == of.mesh {
		return conflict
	}
	namespace, err := s.namespace(ctx)
	if err != nil {
		return conflict
	}
	return &TakenError{Namespace: namespace, Name: of.name, Mesh: s.quote(is.mesh, longestName)}
}

// delete removes the object that it reads first, and no later one of that name. A
// secret that the mesh uses is refused here, because Kubernetes refuses it only
// while the control plane runs.
func (s *kubernetesStore) delete(ctx context.Context, of key, history *attempts, retries int) error {
	if !inObjects(of.kind) {
		return s.checkWrites(ctx, of.kind)
	}
	object, _, err := s.object(ctx, of)
	if err != nil {
		return err
	}
	path, err := s.path(ctx, of)
	if err != nil {
		return err
	}
	r := request{to: s.server, method: http.MethodDelete, path: path}
	if r.body, err = deleteOptions(object); err != nil {
		return err
	}
	for until := s.config.Clock.Now().Add(inUseTime); ; {
		if err := s.checkUnused(ctx, of, r); err != nil {
			return err
		}
		_, err := s.send(ctx, r, history, retries)
		if of.kind != SecretType || !Refused(err) || !s.config.Clock.Now().Before(until) {
			return err
		}
		if err := s.config.Clock.Sleep(ctx, inUsePause); err != nil {
			return err
		}
	}
}

// checkUnused is an error if the mesh of a secret uses it.
func (s *kubernetesStore) checkUnused(ctx context.Context, of key, r request) error {
	if of.kind != SecretType {
		return nil
	}
	mesh, err := s.MeshAsOf(ctx, of.mesh, anew)
	if Absent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	users, err := mesh.Users(of.name)
	if err != nil || len(users) == 0 {
		return err
	}
	answer := s.answerError(r, http.StatusUnprocessableEntity, nil)
	answer.Title, answer.Body, answer.decided = reasonInvalid, "", true
	answer.Parameters = []InvalidParameter{{Field: "name", Reason: fmt.Sprintf("mesh %q uses the secret %q in backend %q", of.mesh, of.name, s.quote(users[0], longestName))}}
	return answer
}

// deleteOptions bind a deletion to the object that was read.
func deleteOptions(object *Document) ([]byte, error) {
	metadata, err := object.Object("metadata")
	if err != nil {
		return nil, err
	}
	preconditions, options := NewDocument(), NewDocument()
	if uid := metadata.Get("uid"); uid != nil {
		preconditions.Set("uid", uid)
	}
	options.Set("apiVersion", text("v1"))
	options.Set("kind", text(deleteOptionsKind))
	options.Set("preconditions", preconditions.Bytes())
	return options.Bytes(), nil
}
