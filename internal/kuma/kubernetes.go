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
	kumaObjects       = "apis/kuma.io/v1alpha1"
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
	reasonForbidden   = "Forbidden"
	statusKind        = "Status"
	deleteOptionsKind = "DeleteOptions"
)

// TakenError is an object that cannot be created, because another one has its name:
// names are unique in the namespace, or in the cluster, and not in the mesh.
type TakenError struct {
	// Kind is the type of the object, such as "Secret", and Namespace is "" for one of
	// the whole cluster.
	Kind, Namespace, Name string
	// Mesh is the mesh of the object that has the name. It is "" for an object of no
	// mesh, and for a secret of another type.
	Mesh string
}

func (e *TakenError) Error() string {
	owner, where := "another "+e.Kind, "in the cluster"
	if e.Mesh != "" {
		owner = fmt.Sprintf("a %s of mesh %q", e.Kind, e.Mesh)
	}
	if e.Namespace != "" {
		where = fmt.Sprintf("in namespace %q", e.Namespace)
	}
	return fmt.Sprintf("%s %s has the name %q already", owner, where, e.Name)
}

// kubernetesStore is the API of Kubernetes. A write is bound to the version of the
// object that was read, so that no write of another client is lost.
type kubernetesStore struct {
	*Client
	server *endpoint

	mu    sync.Mutex
	wrote map[key]ownObject // objects as this client last wrote them
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
		wrote:  map[key]ownObject{},
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
		Kind   string `json:"kind"`
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
	e.denied = is.Reason == reasonForbidden && is.Details.Kind == "" // by a webhook: the user has the right
	if is.Reason != reasonInvalid {
		return true
	}
	for _, cause := range is.Details.Causes {
		e.Parameters = append(e.Parameters, InvalidParameter{Field: cause.Field, Reason: cause.Message})
	}
	if len(e.Parameters) > 0 {
		e.Detail = "" // it repeats them
	}
	return true
}

// inDocument makes the fields of the object that an error names those of the document.
func (k *objectKind) inDocument(err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	for i := range e.Parameters {
		field := strings.TrimPrefix(e.Parameters[i].Field, "metadata.")
		switch {
		case field == "data."+secretValue && k.secret != "":
			field = "data"
		case k.bare:
			field = strings.TrimPrefix(field, "spec.")
		}
		e.Parameters[i].Field = field
	}
	return err
}

func (s *kubernetesStore) get(ctx context.Context, of key, age MaxAge) (*Document, error) {
	kind, err := s.kindOf(ctx, of.kind)
	if err != nil {
		return nil, err
	}
	if kind == nil {
		return httpStore{s.Client}.get(ctx, of, age)
	}
	if age > Fresh {
		all, err := s.all(ctx, kind, of.kind, age)
		switch {
		case err != nil && !Forbidden(err): // to list may need more than to read
			return nil, err
		case all[of.objectKey()] != nil:
			return all[of.objectKey()], nil
		}
	}
	object, date, err := s.object(ctx, kind, of)
	if Absent(err) && of.anywhere && kind.elsewhere(of.name) && s.api.address != nil {
		return httpStore{s.Client}.get(ctx, of, age)
	}
	if err != nil {
		return nil, err
	}
	return s.document(kind, object, of, date)
}

// objectKey is a key without what only the HTTP API has.
func (k key) objectKey() key { return key{kind: k.kind, mesh: k.mesh, name: k.name} }

// all reads all objects of a type in one request, which several may share.
func (s *kubernetesStore) all(ctx context.Context, kind *objectKind, name string, age MaxAge) (map[key]*Document, error) {
	return share(ctx, s.Client, objectReads+name, age, func() (map[key]*Document, error) {
		all := map[key]*Document{}
		err := s.each(ctx, kind, key{kind: name}, func(is key, document *Document) { all[is.objectKey()] = document })
		return all, err
	})
}

// object reads an object. What is another kind of secret, or an object of another
// mesh, is absent.
func (s *kubernetesStore) object(ctx context.Context, kind *objectKind, of key) (object *Document, date time.Time, err error) {
	path, err := s.path(ctx, kind, of.name)
	if err != nil {
		return nil, date, err
	}
	r := request{to: s.server, method: http.MethodGet, path: path}
	object, date, err = s.read(ctx, r, s.config.MaxRetries)
	if err != nil {
		return nil, date, err
	}
	is, err := kind.keyOf(object)
	switch {
	case err != nil:
		return nil, date, err
	case is.name != of.name:
		return nil, date, s.defectError(r, http.StatusOK, fmt.Sprintf("is another object: its name is %q, not %q", s.quote(is.name, longestReason), of.name))
	case !is.matches(of):
		answer := s.answerError(r, http.StatusNotFound, nil)
		answer.Title, answer.Detail, answer.absent = reasonNotFound, "the object with this name does not belong to this mesh", true
		return nil, date, answer
	}
	return object, date, nil
}

func (s *kubernetesStore) list(ctx context.Context, of key, age MaxAge) ([]*Document, error) {
	kind, err := s.kindOf(ctx, of.kind)
	if err != nil {
		return nil, err
	}
	if kind == nil {
		return httpStore{s.Client}.list(ctx, of, age)
	}
	documents := []*Document{}
	if age > Fresh {
		all, errAll := s.all(ctx, kind, of.kind, age)
		for is, document := range all {
			if is.matches(of) {
				documents = append(documents, document)
			}
		}
		slices.SortFunc(documents, func(a, b *Document) int { return bytes.Compare(a.Get("name"), b.Get("name")) })
		err = errAll
	} else {
		err = s.each(ctx, kind, of, func(is key, document *Document) {
			if is.matches(of) {
				documents = append(documents, document)
			}
		})
	}
	if err == nil && len(documents) == 0 && of.mesh != "" { // so it is for a mesh that does not exist
		if _, errMesh := s.MeshAsOf(ctx, of.mesh, age); Absent(errMesh) {
			err = errMesh
		}
	}
	if of.anywhere && kind.namespaced && s.api.address != nil && (err == nil || Forbidden(err)) {
		return s.withElsewhere(ctx, of, documents, err == nil)
	}
	return documents, err
}

// withElsewhere adds the objects of other namespaces, which the HTTP API has, and, if
// here is false, those of the system namespace, too.
func (s *kubernetesStore) withElsewhere(ctx context.Context, of key, documents []*Document, here bool) ([]*Document, error) {
	namespace, err := s.namespace(ctx)
	if err != nil {
		return nil, err
	}
	all, err := httpStore{s.Client}.list(ctx, of, Fresh)
	for _, document := range all {
		name, err := document.Name()
		if err != nil {
			return nil, err
		}
		name, system := strings.CutSuffix(name, "."+namespace)
		switch {
		case !system:
			documents = append(documents, document)
		case !here:
			document.Set("name", text(name))
			documents = append(documents, document)
		}
	}
	return documents, err
}

// each reads the objects of a type, at least those of a mesh where the key has one.
func (s *kubernetesStore) each(ctx context.Context, kind *objectKind, of key, do func(is key, document *Document)) error {
	ctx, cancel := s.config.Clock.WithTimeout(ctx, maxListTime)
	defer cancel()
	path, err := s.collection(ctx, kind)
	if err != nil {
		return err
	}
	query := url.Values{"limit": {objectsAtOnce}}
	if kind.secret != "" {
		query.Set("fieldSelector", "type="+kind.secret)
	}
	if of.mesh != "" && of.mesh != defaultMesh && !kind.bare { // to which those without the label belong
		query.Set("labelSelector", meshLabel+"="+of.mesh)
	}
	for range maxPages {
		answer, date, err := s.read(ctx, request{to: s.server, method: http.MethodGet, path: path, query: query}, s.config.MaxRetries)
		if err != nil {
			return err
		}
		items, err := answer.Items("items")
		if err != nil {
			return err
		}
		for _, item := range items {
			is, err := kind.keyOf(item)
			if err != nil {
				return err
			}
			is.kind = of.kind // the selector has chosen the type
			kind.identify(item)
			document, err := s.document(kind, item, is, date)
			if err != nil {
				return err
			}
			do(is, document)
		}
		next, err := valueAt[string](answer, "metadata", "continue")
		if err != nil || next == "" {
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
	kind, err := s.writable(ctx, of.kind)
	if err != nil {
		return nil, err
	}
	r, err := s.putRequest(ctx, kind, of, document)
	if err != nil {
		return nil, err
	}
	answer, err := s.send(ctx, r, history, retries)
	err = kind.inDocument(err)
	switch {
	case err != nil && document.stored == nil && conflict(err):
		return nil, s.taken(ctx, kind, of, err)
	case err != nil:
		return nil, s.whyRefused(ctx, kind, of, err)
	}
	s.warned.add(of.path, s.quoteFields(answer.warnings))
	written, err := s.parse(r, answer)
	if err != nil {
		return nil, err
	}
	if err := s.note(of, written, answer.date); err != nil {
		return nil, err
	}
	return s.document(kind, written, of, answer.date)
}

// putRequest returns the request that writes a document.
func (s *kubernetesStore) putRequest(ctx context.Context, kind *objectKind, of key, document *Document) (request, error) {
	object, err := s.objectOf(ctx, kind, document, of)
	if err != nil {
		return request{}, err
	}
	collection, err := s.collection(ctx, kind)
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

// note remembers when this client wrote an object.
func (s *kubernetesStore) note(of key, object *Document, at time.Time) error {
	metadata, err := object.Object("metadata")
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrote[of.objectKey()] = ownObject{string(metadata.Get("uid")), string(metadata.Get("generation")), at}
	return nil
}

// whyRefused returns the error that the mesh does not exist, where that is why an
// object was refused: Kuma has no other answer for it (measured).
func (s *kubernetesStore) whyRefused(ctx context.Context, kind *objectKind, of key, refused error) error {
	if !Refused(refused) || of.mesh == "" || kind.secret != "" {
		return refused
	}
	if _, err := s.MeshAsOf(ctx, of.mesh, anew); Absent(err) {
		return err
	}
	return refused
}

// taken says what has the name of an object that could not be created: conflict,
// where it is that object.
func (s *kubernetesStore) taken(ctx context.Context, kind *objectKind, of key, conflict error) error {
	path, err := s.path(ctx, kind, of.name)
	if err != nil {
		return conflict
	}
	object, _, err := s.read(ctx, request{to: s.server, method: http.MethodGet, path: path}, s.config.MaxRetries)
	if err != nil {
		return conflict
	}
	is, err := kind.keyOf(object)
	if err != nil || is.matches(of) {
		return conflict
	}
	taken := &TakenError{Kind: kind.name, Name: of.name, Mesh: s.quote(is.mesh, longestName)}
	if kind.namespaced {
		if taken.Namespace, err = s.namespace(ctx); err != nil {
			return conflict
		}
	}
	return taken
}

// delete removes the object that it reads first, and no later one of that name: if
// another client replaces it in the meantime, the object is gone. A secret that the
// mesh uses is refused here, because Kubernetes refuses it only while the control
// plane runs.
func (s *kubernetesStore) delete(ctx context.Context, of key, check func(*Document) error, history *attempts, retries int) error {
	kind, err := s.writable(ctx, of.kind)
	if err != nil {
		return err
	}
	object, date, err := s.object(ctx, kind, of)
	if err != nil {
		return err
	}
	if check != nil {
		document, err := s.document(kind, object, of, date)
		if err != nil {
			return err
		}
		if err := check(document); err != nil {
			return err
		}
	}
	path, err := s.path(ctx, kind, of.name)
	if err != nil {
		return err
	}
	r := request{to: s.server, method: http.MethodDelete, path: path}
	if r.body, err = deleteOptions(object, check != nil); err != nil {
		return err
	}
	for until := s.config.Clock.Now().Add(inUseTime); ; {
		if err := s.checkUnused(ctx, of, r); err != nil {
			return err
		}
		_, err := s.send(ctx, r, history, retries)
		if conflict(err) {
			return s.whyConflict(ctx, kind, of, object, err)
		}
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

// whyConflict returns the error of a read if the object that was to be deleted does
// not exist any more, also if another one has its name now.
func (s *kubernetesStore) whyConflict(ctx context.Context, kind *objectKind, of key, object *Document, conflict error) error {
	now, _, err := s.object(ctx, kind, of)
	switch {
	case Absent(err):
		return err
	case err != nil || uidOf(now) == uidOf(object):
		return conflict
	}
	gone := s.answerError(request{to: s.server, method: http.MethodDelete, path: of.path}, http.StatusNotFound, nil)
	gone.Title, gone.Detail, gone.absent = reasonNotFound, "another object has this name now", true
	return gone
}

func uidOf(object *Document) string {
	metadata, err := object.Object("metadata")
	if err != nil {
		return ""
	}
	return string(metadata.Get("uid"))
}

// deleteOptions bind a deletion to the object that was read, and, where its content
// counts, to that version of it.
func deleteOptions(object *Document, version bool) ([]byte, error) {
	metadata, err := object.Object("metadata")
	if err != nil {
		return nil, err
	}
	preconditions, options := NewDocument(), NewDocument()
	if uid := metadata.Get("uid"); uid != nil {
		preconditions.Set("uid", uid)
	}
	if is := metadata.Get("resourceVersion"); is != nil && version {
		preconditions.Set("resourceVersion", is)
	}
	options.Set("apiVersion", text("v1"))
	options.Set("kind", text(deleteOptionsKind))
	options.Set("preconditions", preconditions.Bytes())
	return options.Bytes(), nil
}
