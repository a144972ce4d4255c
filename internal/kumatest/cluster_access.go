package kumatest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// A clusterUser is whom a request to the API server comes from.
type clusterUser struct {
	name   string
	groups []string
}

func clusterAdmin() clusterUser {
	return clusterUser{name: "kubernetes-admin", groups: []string{"system:masters"}}
}

// identifyClusterUser says whom a request comes from: by its token, or by a client certificate, of which the connection
// takes none but the administrator's.
func identifyClusterUser(r *http.Request) (clusterUser, bool) {
	switch token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); {
	case token == ClusterAdminToken, token == "" && r.TLS != nil && len(r.TLS.PeerCertificates) > 0:
		return clusterAdmin(), true
	case token == ClusterUserToken:
		return clusterUser{name: "terraform", groups: []string{"mesh-writers"}}, true
	}
	return clusterUser{}, false
}

// A request for access.
type access struct {
	Namespace string `json:"namespace"`
	Verb      string `json:"verb"`
	Group     string `json:"group"`
	Resource  string `json:"resource"`
}

// allowed reports whether roles that are bound to a user give access, and says by which.
func (c *Cluster) allowed(user clusterUser, to access) (because string, is bool) {
	if slices.Contains(user.groups, "system:masters") {
		return "", true
	}
	for _, path := range sortedKeys(c.objects) {
		o := c.objects[path]
		if !o.kind.is("ClusterRoleBinding") && (!o.kind.is("RoleBinding") || o.namespace != to.Namespace) {
			continue
		}
		var binding struct {
			RoleRef  struct{ Kind, Name string }
			Subjects []struct{ Kind, Name string }
		}
		o.decode(&binding)
		role := clusterKind{group: accessGroup, version: "v1", plural: strings.ToLower(binding.RoleRef.Kind) + "s", namespaced: binding.RoleRef.Kind == "Role"}
		if !c.roleAllows(pathOf(role, o.namespace, binding.RoleRef.Name), to) {
			continue
		}
		for _, subject := range binding.Subjects {
			if subject.Kind == "Group" && slices.Contains(user.groups, subject.Name) || subject.Kind == "User" && subject.Name == user.name {
				return fmt.Sprintf("RBAC: allowed by %s %q of %s %q to %s %q", o.kind.name, o.name, binding.RoleRef.Kind, binding.RoleRef.Name, subject.Kind, subject.Name), true
			}
		}
	}
	return "", false
}

func (c *Cluster) roleAllows(path string, to access) bool {
	o := c.objects[path]
	if o == nil {
		return false
	}
	var role struct {
		Rules []struct{ APIGroups, Resources, Verbs []string }
	}
	o.decode(&role)
	for _, rule := range role.Rules {
		if slices.Contains(rule.APIGroups, to.Group) && slices.Contains(rule.Resources, to.Resource) && slices.Contains(rule.Verbs, to.Verb) {
			return true
		}
	}
	return false
}

func (c *Cluster) authorize(call *clusterCall) error {
	to := access{Namespace: call.namespace, Verb: call.verb, Group: call.kind.group, Resource: call.kind.plural}
	if _, is := c.allowed(call.user, to); is {
		return nil
	}
	what, where := call.kind.resource(), "at the cluster scope"
	if call.name != "" {
		what += fmt.Sprintf(" %q", call.name)
	}
	if call.kind.namespaced {
		where = fmt.Sprintf("in the namespace %q", call.namespace)
	}
	return &clusterRefusal{
		code: http.StatusForbidden, reason: "Forbidden", details: call.details(call.name),
		message: fmt.Sprintf("%s is forbidden: User %q cannot %s resource %q in API group %q %s", what, call.user.name, call.verb, call.kind.plural, call.kind.group, where),
	}
}

// reviewAccess answers what the caller may do. Everybody may ask.
func (c *Cluster) reviewAccess(r *http.Request, body []byte, user clusterUser) (answer, error) {
	var review struct {
		Spec struct {
			ResourceAttributes map[string]string `json:"resourceAttributes"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(body, &review); err != nil {
		return answer{}, badClusterRequest("%s", err)
	}
	asked := review.Spec.ResourceAttributes
	because, is := c.allowed(user, access{asked["namespace"], asked["verb"], asked["group"], asked["resource"]})
	status := map[string]any{"allowed": is}
	if because != "" {
		status["reason"] = because
	}
	fields := map[string]any{".": map[string]any{}}
	for name := range asked {
		fields["f:"+name] = map[string]any{}
	}
	manager, _, _ := strings.Cut(r.UserAgent(), "/")
	return jsonAnswer(http.StatusCreated, map[string]any{
		"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1",
		"metadata": map[string]any{"managedFields": []any{map[string]any{
			"manager": manager, "operation": "Update", "apiVersion": "authorization.k8s.io/v1", "time": c.now(), "fieldsType": "FieldsV1",
			"fieldsV1": map[string]any{"f:spec": map[string]any{"f:resourceAttributes": fields}},
		}}},
		"spec": map[string]any{"resourceAttributes": asked}, "status": status,
	}), nil
}
