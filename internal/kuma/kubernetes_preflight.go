package kuma

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// NoKumaError reports a cluster that does not have Kuma's types of objects, or not
// that of Kind if it is not "".
type NoKumaError struct{ Address, Kind string }

func (e *NoKumaError) Error() string {
	return fmt.Sprintf("the Kubernetes cluster at %s has no type %s of kuma.io/v1alpha1", e.Address, cmp.Or(e.Kind, MeshType))
}

// NoNamespaceError reports that the namespace of the control plane does not exist.
type NoNamespaceError struct{ Address, Namespace string }

func (e *NoNamespaceError) Error() string {
	return fmt.Sprintf("the Kubernetes cluster at %s has no namespace %q", e.Address, e.Namespace)
}

// MissingRightsError reports what the user may not do in a cluster.
type MissingRightsError struct {
	Address string
	// User is the source of the credentials.
	User string
	// Group, Resource and Verbs are what is missing, and Namespace is "" for a
	// resource of the whole cluster.
	Group, Resource, Namespace string
	Verbs                      []string
	// Needed are all verbs that the provider needs for the resource.
	Needed []string
}

func (e *MissingRightsError) Error() string {
	return fmt.Sprintf("the user of the Kubernetes cluster at %s may not %s %s", e.Address, strings.Join(e.Verbs, ", "), e.Resource)
}

// OtherClusterError reports that the address is of another control plane than that
// of the cluster.
type OtherClusterError struct {
	Address, Cluster string
	// Mesh is a mesh of the cluster that the control plane does not have, "" if the
	// control plane does not run on Kubernetes.
	Mesh string
}

func (e *OtherClusterError) Error() string {
	return fmt.Sprintf("the control plane at %s is not the one of the Kubernetes cluster at %s", e.Address, e.Cluster)
}

// neededVerbs is what the store does with meshes and secrets.
func neededVerbs() []string { return []string{"get", "list", "create", "update", "delete"} }

// checkWrites checks, once in a run and before anything is written, what would make
// each write of a kind fail, or go to the wrong place.
func (s *kubernetesStore) checkWrites(ctx context.Context, kind string) error {
	_, err := once(ctx, s.Client, "writes of "+kind, s.server, func(ctx context.Context) (struct{}, error) { return struct{}{}, s.checkAll(ctx, kind) })
	if Transient(err) || ctx.Err() != nil {
		return nil // the write itself tells then
	}
	return err
}

func (s *kubernetesStore) checkAll(ctx context.Context, name string) error {
	if err := s.checkZone(ctx, name); err != nil {
		return err
	}
	kind, err := s.checkKuma(ctx, name)
	if kind == nil {
		return err
	}
	for _, check := range []func(context.Context, *objectKind) error{s.checkRights, s.checkNamespace, s.checkCluster} {
		if err := check(ctx, kind); err != nil {
			return err
		}
	}
	return nil
}

// checkZone refuses a zone that gets its meshes from a global control plane: it
// accepts secrets, and no meshes. Of other types, it has its own.
func (s *kubernetesStore) checkZone(ctx context.Context, name string) error {
	if coreKind(name) == nil {
		return nil
	}
	config, err := s.peek(ctx, "config", nil)
	if err != nil {
		return nil // the write itself tells then
	}
	refusal := &ReadOnlyError{Address: s.Address(), Origins: s.config.Origins, Environment: environmentKubernetes}
	if _, refusal.Global = placeOf(config); refusal.Global == "" {
		return nil
	}
	refusal.Global = s.quote(refusal.Global, longestName)
	return refusal
}

// checkKuma refuses a cluster without Kuma, or without this type. It returns nil if
// that is unknown.
func (s *kubernetesStore) checkKuma(ctx context.Context, name string) (*objectKind, error) {
	kinds, err := s.kinds(ctx)
	var none *NoKumaError
	switch {
	case errors.As(err, &none):
		return nil, err
	case err != nil:
		return coreKind(name), ifUnauthenticated(err)
	case !kinds.meshes:
		return nil, &NoKumaError{Address: s.server.Address()}
	}
	return s.writable(ctx, name)
}

// checkRights refuses a user without the permissions for a kind. The secrets of a mesh
// also need a list of its identities, see [Client.IdentityUsers].
func (s *kubernetesStore) checkRights(ctx context.Context, kind *objectKind) error {
	if err := s.checkVerbs(ctx, kind, neededVerbs()); err != nil || kind.secret != ofMesh || s.api.address != nil {
		return err
	}
	identities, err := s.kindOf(ctx, MeshIdentityType)
	if err != nil || identities == nil {
		return nil // the write itself tells then
	}
	return s.checkVerbs(ctx, identities, []string{"list"})
}

// checkVerbs asks Kubernetes for each verb whether the user has it.
func (s *kubernetesStore) checkVerbs(ctx context.Context, kind *objectKind, verbs []string) error {
	missing := &MissingRightsError{Address: s.server.Address(), User: s.server.origins.Token, Group: kind.group(), Resource: kind.plural, Needed: verbs}
	if kind.namespaced {
		var err error
		if missing.Namespace, err = s.namespace(ctx); err != nil {
			return err
		}
	}
	denied := make([]bool, len(verbs))
	var all sync.WaitGroup
	for i, verb := range verbs {
		all.Go(func() { denied[i] = s.denied(ctx, missing.Group, missing.Resource, missing.Namespace, verb) })
	}
	all.Wait()
	for i, verb := range verbs {
		if denied[i] {
			missing.Verbs = append(missing.Verbs, verb)
		}
	}
	if len(missing.Verbs) == 0 {
		return nil
	}
	return missing
}

// denied reports whether Kubernetes says that the user may not do something.
func (s *kubernetesStore) denied(ctx context.Context, group, resource, namespace, verb string) bool {
	attributes, err := json.Marshal(map[string]string{"group": group, "resource": resource, "namespace": namespace, "verb": verb})
	if err != nil {
		return false
	}
	body := `{"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectAccessReview","spec":{"resourceAttributes":` + string(attributes) + `}}`
	answer, err := s.ask(ctx, request{method: http.MethodPost, path: "apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body: []byte(body)})
	if err != nil {
		return false
	}
	var status struct {
		Allowed *bool `json:"allowed"`
	}
	return answer.Decode("status", &status) == nil && status.Allowed != nil && !*status.Allowed
}

// checkNamespace asks for an object to be created, without creating it: only that
// tells a namespace without objects from one that does not exist.
func (s *kubernetesStore) checkNamespace(ctx context.Context, kind *objectKind) error {
	if !kind.namespaced {
		return nil
	}
	object, err := s.newObject(ctx, kind, key{name: fieldManager + "-check"})
	if err != nil {
		return err
	}
	if kind.secret != "" {
		object.Set("type", text(ofNoMesh))
		object.Set("data", json.RawMessage(`{"value":"eA=="}`))
	}
	path, err := s.collection(ctx, kind)
	if err != nil {
		return err
	}
	_, err = s.ask(ctx, request{method: http.MethodPost, path: path, query: url.Values{"dryRun": {"All"}}, body: object.Bytes()})
	var e *Error
	if !errors.As(err, &e) || e.Status != http.StatusNotFound || e.Foreign() {
		return nil
	}
	namespace, err := s.namespace(ctx)
	if err != nil {
		return err
	}
	return &NoNamespaceError{Address: s.server.Address(), Namespace: namespace}
}

// checkCluster compares the control plane at the address with the cluster: the
// proxies of another one would prove nothing.
func (s *kubernetesStore) checkCluster(ctx context.Context, _ *objectKind) error {
	config, err := s.peek(ctx, "config", nil)
	if err != nil {
		return nil
	}
	other := &OtherClusterError{Address: s.Address(), Cluster: s.server.Address()}
	if environment, _ := placeOf(config); environment != "" && environment != environmentKubernetes {
		return other
	}
	meshes, err := s.all(ctx, coreKind(MeshType), MeshType, Recent)
	if err != nil {
		return nil
	}
	oldest, uid := oldestOf(meshes)
	if uid == "" {
		return nil
	}
	object, _, err := s.read(ctx, request{method: http.MethodGet, path: meshPath(oldest), query: url.Values{"format": {"k8s"}}}, 0)
	if Absent(err) {
		other.Mesh = oldest
		return other
	}
	if err != nil {
		return nil
	}
	if metadata, err := object.Object("metadata"); err == nil && metadata.Get("uid") != nil && string(metadata.Get("uid")) != uid {
		other.Mesh = oldest
		return other
	}
	return nil
}

// oldestOf returns the mesh that has existed longest, and its UID as JSON.
func oldestOf(meshes map[key]*Document) (name, uid string) {
	oldest := ""
	for is, document := range meshes {
		created := string(document.Get("creationTime"))
		metadata, err := document.stored.Object("metadata")
		if err == nil && (oldest == "" || created < oldest || created == oldest && is.name < name) {
			oldest, name, uid = created, is.name, string(metadata.Get("uid"))
		}
	}
	return name, uid
}

// ask sends a request to Kubernetes, once.
func (s *kubernetesStore) ask(ctx context.Context, r request) (*Document, error) {
	r.to = s.server
	answer, _, err := s.read(ctx, r, 0)
	return answer, err
}

func (s *kubernetesStore) checkSecretWrites(context.Context, key) error { return nil } // checkWrites has asked

// tryPut asks Kubernetes for a write without an effect, which reaches the webhooks of
// the control plane.
func (s *kubernetesStore) tryPut(ctx context.Context, of key, edit func(*Document) error) error {
	kind, err := s.kindOf(ctx, of.kind)
	if err != nil || kind == nil {
		return nil // the write itself tells then
	}
	if of.mesh != "" && kind.secret == "" { // which needs its mesh
		if _, err := s.MeshAsOf(ctx, of.mesh, Recent); err != nil {
			return nil
		}
	}
	document := of.document(nil)
	current, err := s.get(ctx, of, Recent)
	if err == nil {
		document = current.Clone()
	}
	if err != nil && !Absent(err) || edit(document) != nil {
		return nil
	}
	s.sent.addFrom(document.Bytes())
	r, err := s.putRequest(ctx, kind, of, document)
	if err != nil {
		return nil
	}
	return kind.inDocument(s.tried(ctx, r))
}

// tryDelete is tryPut for a deletion.
func (s *kubernetesStore) tryDelete(ctx context.Context, of key) error {
	kind, err := s.kindOf(ctx, of.kind)
	if err != nil || kind == nil {
		return nil
	}
	path, err := s.path(ctx, kind, of.name)
	if err != nil {
		return nil
	}
	return s.tried(ctx, request{method: http.MethodDelete, path: path, query: url.Values{"fieldManager": {fieldManager}}})
}

// tried sends a request that changes nothing. The error is a rejection.
func (s *kubernetesStore) tried(ctx context.Context, r request) error {
	ctx, cancel := s.config.Clock.WithTimeout(ctx, peekTime)
	defer cancel()
	r.query.Set("dryRun", "All")
	if _, err := s.ask(ctx, r); Refused(err) {
		return err
	}
	return nil
}
