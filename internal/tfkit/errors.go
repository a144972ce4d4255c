package tfkit

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
)

// AddError adds a diagnostic for an error of the client, and none for nil. task
// is what failed, as in `read mesh "default"`. A write that succeeded but could
// not be read back is a warning, because the next plan reads again.
func AddError(diags *diag.Diagnostics, task string, err error) {
	var unverified *kuma.UnverifiedError
	switch {
	case err == nil:
	case errors.As(err, &unverified):
		diags.AddWarning("Result not read back", fmt.Sprintf(
			"The request to %s succeeded, but the provider could not read the result: %s.\n\n"+
				"The next plan shows the current values.", task, unverified.Err))
	default:
		summary, detail := describe(task, err)
		diags.AddError(summary, detail)
	}
}

func describe(task string, err error) (summary, detail string) {
	var (
		answer     *kuma.Error
		connection *kuma.ConnectionError
		incomplete *kuma.IncompleteError
		dropped    *kuma.DroppedError
		readOnly   *kuma.ReadOnlyError
		noMTLS     *kuma.NoMeshMTLSError
		taken      *kuma.TakenError
		noKuma     *kuma.NoKumaError
		noSpace    *kuma.NoNamespaceError
		rights     *kuma.MissingRightsError
		other      *kuma.OtherClusterError
		noIdentity *kuma.NoIdentitiesError
	)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "Operation timed out", fmt.Sprintf("Could not %s within the time in `timeouts`. The state contains everything that succeeded. Apply again to "+
			"continue, with a higher timeout if necessary.", task)
	case errors.Is(err, context.Canceled):
		return "Cancelled", fmt.Sprintf("Could not %s: the run was cancelled. The state contains everything that succeeded. Apply again to continue.", task)
	case errors.As(err, &incomplete):
		return "Incomplete answer", fmt.Sprintf("Could not %s: %s.\n\n"+
			"A proxy or gateway between Terraform and the control plane may have ended the answer early. Check its "+
			"timeouts and size limits, and apply again.", task, err)
	case kuma.NoAddress(err):
		return "Control plane address required", fmt.Sprintf("Could not %s: this needs the HTTP API of the control plane, and the provider block has only kubernetes. Set address "+
			"or KONGMESH_ADDRESS to the URL of the API, such as that of a `kubectl port-forward` to port 5681 of the control plane's service.", task)
	case errors.As(err, &noKuma) && noKuma.Kind != "":
		return "Type is not in cluster", fmt.Sprintf("Could not %s: the Kubernetes cluster at %s has no type %s of kuma.io/v1alpha1. Nothing was changed. "+
			"`kubectl api-resources --api-group=kuma.io` lists the types of the cluster.", task, noKuma.Address, noKuma.Kind)
	case errors.As(err, &noKuma):
		return "Kuma is not in cluster", fmt.Sprintf("The Kubernetes cluster at %s has no type meshes of kuma.io/v1alpha1, so it has no control plane, or one of a version that this provider does not "+
			"know. Nothing was changed. Check `kubectl get crd meshes.kuma.io`, and kubernetes.config_context.", noKuma.Address)
	case errors.As(err, &noSpace):
		return "Namespace does not exist", fmt.Sprintf("The Kubernetes cluster at %s has no namespace %s. Nothing was changed. Set kubernetes.namespace to the namespace in which the "+
			"control plane runs, such as kuma-system or kong-mesh-system.", noSpace.Address, Quote(noSpace.Namespace))
	case errors.As(err, &rights):
		return describeRights(rights)
	case errors.As(err, &other):
		return "Address of another control plane", fmt.Sprintf("The control plane at %s (address) is not the one of the Kubernetes cluster at %s: %s. The provider would write to the cluster, "+
			"and watch proxies that do not belong to it. Nothing was changed. Set address to the HTTP API of the control plane in the cluster, or remove it.", other.Address, other.Cluster, whyOther(other))
	case errors.As(err, &taken) && taken.Kind != "Secret":
		return "Resource name is taken", fmt.Sprintf("Could not %s: %s. On Kubernetes, names are unique in the namespace of the control plane, or in the cluster, and not only in the mesh. "+
			"Use another name.", task, taken)
	case errors.As(err, &taken):
		return "Secret name is taken", fmt.Sprintf("Could not %s: %s. On Kubernetes, names of secrets are unique in the namespace of the control plane, and not only in the mesh. "+
			"Use another name.", task, taken)
	case errors.As(err, &connection) && connection.Server == kuma.KubernetesServer:
		return "Kubernetes does not answer", fmt.Sprintf("Could not %s: no answer from %s (%s).\n\n%s\n\n%s",
			task, connection.Address, connection.Origins.Address, connection.Err, kubernetesAdvice(connection))
	case errors.As(err, &connection):
		return "Control plane does not answer", fmt.Sprintf("Could not %s: no answer from %s (%s).\n\n%s\n\n%s",
			task, connection.Address, connection.Origins.Address, connection.Err, connectionAdvice(connection))
	case errors.As(err, &dropped) && dropped.Contested:
		return "Conflicting write", fmt.Sprintf("Could not %s: %s. Other clients changed the mesh at the same time and overwrote this change each time. "+
			"Run Terraform in one workspace at a time for this mesh, and apply again.", task, dropped)
	case errors.As(err, &dropped):
		return "Control plane dropped the change", fmt.Sprintf("Could not %s: %s. Kuma 3 drops parts of a mesh that it does not support, such as mTLS backends, which "+
			"MeshIdentity and MeshTrust resources replace. Remove it from the configuration, or use a control plane of "+
			"version 2.", task, dropped)
	case errors.As(err, &readOnly):
		return describeReadOnly(readOnly)
	case errors.As(err, &noMTLS):
		return "Meshes have no mTLS backends", fmt.Sprintf("Cannot %s: meshes of the control plane at %s (version %s) have no mTLS backends. Kuma 3 has MeshIdentity and "+
			"MeshTrust resources instead, and drops a backend without an error. Nothing was sent. Remove this resource "+
			"from the configuration, or use a control plane of version 2.", task, noMTLS.Address, cmp.Or(noMTLS.Version, "unknown"))
	case errors.As(err, &noIdentity):
		return "Control plane has no identities", fmt.Sprintf("Cannot %s: the control plane at %s (version %s) has no MeshIdentity and MeshTrust. Kuma has them since "+
			"version 2.12. Nothing was sent. Remove this resource from the configuration, and use kongmesh_mtls_provided_backend instead, or upgrade "+
			"the control plane.", task, noIdentity.Address, noIdentity.Version)
	case errors.As(err, &answer) && answer.Server == kuma.KubernetesServer:
		return describeKubernetes(task, answer)
	case errors.As(err, &answer):
		return describeAnswer(task, answer)
	default:
		return "Request failed", fmt.Sprintf("Could not %s: %s.\n\n"+
			"Apply again. If the error remains, check whether this provider supports the version of the control plane "+
			"(README lists the versions; the data source kongmesh_control_plane shows the version).", task, err)
	}
}

func describeAnswer(task string, e *kuma.Error) (summary, detail string) {
	said := fmt.Sprintf("Could not %s. %s answered:\n\n%s\n\n", task, e.Address, e)
	token := cmp.Or(e.Origins.Token, "no token is set: set token or KONGMESH_TOKEN")
	switch {
	case e.Status >= http.StatusInternalServerError:
		return "Control plane failed", said +
			"If the error remains, check the log of the control plane, or of a gateway in front of it."
	case e.Status == http.StatusTooManyRequests:
		return "Too many requests", said +
			"A gateway in front of the control plane limits the number of requests, and still did after all retries. Apply " +
			"again later, with a lower -parallelism or a higher max_retries."
	case e.Defect != "":
		return "Unexpected answer", said +
			"The answer looks like an answer of a control plane, but it is for another request, or incomplete. Check the " +
			"proxies, gateways and caches between Terraform and the control plane, and apply again."
	case e.Foreign() && e.Status == http.StatusBadRequest && strings.HasPrefix(e.Address, "http://"):
		return "Not a control plane's answer", said + fmt.Sprintf(
			"A server that expects TLS answers like this. Use https:// in the address, %s (%s), or use the HTTP port of "+
				"the API, 5681 by default.", e.Address, e.Origins.Address)
	case e.Foreign() && (e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden):
		return "Gateway refused the request", said + fmt.Sprintf(
			"A gateway in front of the control plane (%s) answered, and requires other credentials. The token: %s. Set "+
				"token, headers, or a client certificate in the provider block, as the gateway requires.",
			e.Origins.Address, token)
	case e.Foreign():
		return "Not a control plane's answer", said + fmt.Sprintf(
			"The answer does not come from the API of a control plane. Check the address, %s (%s): it must be the address "+
				"of the HTTP API, port 5681 by default, with the base path if there is one.", e.Address, e.Origins.Address)
	case e.Unauthenticated() && e.Origins.Token == "":
		return "Authentication required", said +
			"The request had no token. Set token or KONGMESH_TOKEN, for example to the output of `kumactl generate " +
			"user-token`."
	case e.Unauthenticated():
		return "Invalid or expired token", said + fmt.Sprintf(
			"The token (%s) is not valid, or has expired. Create a new token, for example with `kumactl generate "+
				"user-token`.", token)
	case e.Forbidden():
		return "Permission denied", said + fmt.Sprintf(
			"The user of the token (%s) does not have this permission. By default, only the group mesh-system:admin can "+
				`read and write secrets. The state is unchanged. See the guide "Grant least privilege".`, token)
	case e.ReadOnly():
		return "Control plane is read-only", said +
			"This control plane does not accept this kind of write. " + whereToWrite(&kuma.ReadOnlyError{})
	case e.Absent():
		return "Object not found", said +
			"The object does not exist, or another client deleted it during this run. Run `terraform plan` to see what " +
			"Terraform creates again."
	case e.Conflict():
		return "Conflicting write", said +
			"Another client created or changed the object at the same moment, and again during each retry. Run Terraform " +
			"in one workspace at a time for this mesh, and apply again. If the object is new, the next apply shows how to " +
			"import it."
	case e.Refused():
		return "Control plane rejected the change", said + "Fix the values that the message names, and apply again."
	default:
		return "Unexpected answer", said +
			"The provider does not expect this answer. Check the log of the control plane, and of gateways and proxies in " +
			"front of it."
	}
}

func describeReadOnly(e *kuma.ReadOnlyError) (summary, detail string) {
	return "Control plane is read-only", fmt.Sprintf(
		"The control plane at %s (%s) does not accept changes of meshes and secrets, so this plan cannot be applied. Nothing was sent. %s", e.Address, e.Origins.Address, whereToWrite(e))
}

// whereToWrite returns the advice for a control plane that accepts no writes.
func whereToWrite(e *kuma.ReadOnlyError) string {
	switch {
	case e.Global != "":
		return fmt.Sprintf("It is a zone of the global control plane that it reaches at %s. Meshes and secrets are managed there: set the provider's address to the HTTP API of the global control plane.", e.Global)
	case e.Environment == "kubernetes":
		return "It runs on Kubernetes, where the HTTP API is for reading. Add the argument kubernetes to the provider block, so that the provider writes with the Kubernetes API:\n\n" +
			kubernetesBlock
	default:
		return "If it is a zone of a global control plane, set the provider's address to the global one. If it runs on Kubernetes, add the argument kubernetes to the provider block:\n\n" +
			kubernetesBlock
	}
}

func whyOther(e *kuma.OtherClusterError) string {
	if e.Mesh == "" {
		return "it does not run on Kubernetes"
	}
	return fmt.Sprintf("mesh %s of the cluster is not there, or is another one", Quote(e.Mesh))
}

// describeRights shows the role that gives the missing permissions.
func describeRights(e *kuma.MissingRightsError) (summary, detail string) {
	kind, where, namespace := "ClusterRole", "", ""
	if e.Namespace != "" {
		kind, where, namespace = "Role", fmt.Sprintf(" in namespace %s", Quote(e.Namespace)), "\n  namespace: "+e.Namespace
	}
	name := "terraform-" + e.Resource // a role for each type, so that none replaces another
	if e.Resource == "meshes" || e.Resource == "secrets" {
		name = "terraform-mesh" // as in the guide
	}
	return "Kubernetes permission denied", fmt.Sprintf(
		"The user of the Kubernetes cluster at %s (%s) may not %s %s%s. Nothing was changed. Bind this role to the user with a %sBinding:\n\n"+
			"apiVersion: rbac.authorization.k8s.io/v1\nkind: %s\nmetadata:\n  name: %s%s\nrules:\n- apiGroups: [%q]\n  resources: [%s]\n  verbs: [%s]",
		e.Address, cmp.Or(e.User, "none"), strings.Join(e.Verbs, ", "), e.Resource, where, kind, kind, name, namespace, e.Group, e.Resource, strings.Join(e.Needed, ", "))
}

// kubernetesBlock is the argument that lets the provider write on Kubernetes.
const kubernetesBlock = "  kubernetes = {\n    config_path = \"~/.kube/config\"\n  }"

// describeKubernetes is what an answer of the Kubernetes API means.
func describeKubernetes(task string, e *kuma.Error) (summary, detail string) {
	said := fmt.Sprintf("Could not %s. The Kubernetes API at %s (%s) answered:\n\n%s\n\n", task, e.Address, e.Origins.Address, e)
	user := cmp.Or(e.Origins.Token, "none")
	switch {
	case e.Status == http.StatusNotFound && !e.Absent():
		return "Kubernetes object not found", said +
			"Kuma is not installed in this cluster, or the namespace is not the one of the control plane. Check `kubectl get crd meshes.kuma.io`, the context, and kubernetes.namespace."
	case e.Status == http.StatusTooManyRequests:
		return "Too many requests", said +
			"The Kubernetes API limits the number of requests, and still did after all retries. Apply again later, with a lower -parallelism or a higher max_retries."
	case e.Status >= http.StatusInternalServerError && !e.Refused():
		return "Kubernetes request failed", said +
			"If the message names a webhook, the control plane does not answer the Kubernetes API: check its pods with `kubectl get pods` in its namespace. " +
			"Apply again when it answers."
	case e.Foreign():
		return "Not a Kubernetes answer", said + "The answer does not come from the Kubernetes API. Check kubernetes.host, or the server in the kubeconfig file."
	case e.Unauthenticated():
		return "Kubernetes credentials rejected", said + fmt.Sprintf("The credentials (%s) are not valid, or have expired. Check that `kubectl get meshes` works with them.", user)
	case e.Forbidden():
		return "Kubernetes permission denied", said + fmt.Sprintf(
			"The user of the credentials (%s) does not have this permission, or the control plane does not allow the change. The state is unchanged. "+
				`See the guide "Manage a mesh on Kubernetes" for the roles that the provider needs.`, user)
	case e.Conflict():
		return "Conflicting write", said +
			"Another client created or changed the object at the same moment, and again during each retry. Apply again. If the object is new, the next apply shows how to import it."
	case e.Refused():
		return "Control plane rejected the change", said + "Fix the values that the message names, and apply again."
	case e.Absent():
		return "Object not found", said +
			"The object does not exist, or another client deleted it during this run. Run `terraform plan` to see what Terraform creates again."
	default:
		return "Unexpected answer", said + "The provider does not expect this answer. Check the audit log of the cluster."
	}
}

// kubernetesAdvice is what to do when the Kubernetes API does not answer.
func kubernetesAdvice(e *kuma.ConnectionError) string {
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(e.Err, &unknown):
		return "This machine does not trust the authority that signed its certificate. Set kubernetes.cluster_ca_certificate to the certificate of that authority."
	default:
		return fmt.Sprintf("Check that `kubectl get meshes` works on this machine with the same credentials (%s).", cmp.Or(e.Origins.Token, "none"))
	}
}

// clientCertificateAlerts returns the TLS alerts (RFC 8446, 6.2) with which a
// server rejects a client without a certificate, or with one that it does not
// accept.
func clientCertificateAlerts() []tls.AlertError {
	// handshake_failure; bad, unsupported, revoked, expired, unknown certificate; unknown_ca; access_denied; certificate_required
	return []tls.AlertError{40, 42, 43, 44, 45, 46, 48, 49, 116}
}

func connectionAdvice(e *kuma.ConnectionError) string {
	var (
		unknown   x509.UnknownAuthorityError
		invalid   x509.CertificateInvalidError
		hostname  x509.HostnameError
		operation *net.OpError
		handshake *kuma.HandshakeError
	)
	err := e.Err
	isOperation := errors.As(err, &operation)
	isAlert := func(alert tls.AlertError) bool { // crypto/tls has its own type for the same numbers
		return isOperation && operation.Op == "remote error" && operation.Err.Error() == alert.Error()
	}
	switch {
	case errors.As(err, &unknown) && e.Origins.CA != "":
		return fmt.Sprintf("The provider does not trust the authority that signed its certificate. Add the certificate of that "+
			"authority to the trusted certificates (%s).", e.Origins.CA)
	case errors.As(err, &unknown):
		return "An authority that this machine does not trust signed its certificate. Set ca_cert_file or ca_cert_pem in the " +
			"provider block to the certificate of that authority."
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "The certificate of the control plane has expired or is not valid yet. Renew it on the control plane, and check the clock of this machine."
	case errors.As(err, &hostname):
		return "Its certificate is for another name. Set address in the provider block to the name in the certificate."
	case errors.As(err, &invalid):
		return "The certificate of the control plane, or of the authority that signed it, is not usable. Replace it on the " +
			"control plane."
	case slices.ContainsFunc(clientCertificateAlerts(), isAlert):
		return fmt.Sprintf("It rejected the TLS connection, probably because it requires a client certificate that it trusts. The client "+
			"certificate: %s.",
			cmp.Or(e.Origins.ClientCert, "none is set; set client_cert_file and client_key_file, or client_cert_pem and client_key_pem"))
	case isOperation && operation.Op == "proxyconnect":
		return "The proxy in HTTP_PROXY or HTTPS_PROXY does not answer. To connect without it, add the host to NO_PROXY."
	case errors.Is(err, http.ErrSchemeMismatch):
		return "It does not use TLS. Use http:// in the address, or the https port of the API, 5682 by default."
	case errors.As(err, &handshake):
		return "The TLS handshake failed. The provider needs TLS 1.2 or later: set the minimum and maximum versions on the control plane, or on the gateway in front of it, so that they allow it."
	case strings.HasPrefix(e.Address, "http://") && (!isOperation || operation.Op != "dial"):
		return reachable +
			" If the port is the https port of the API, 5682 by default, use https:// in the address."
	default:
		return reachable
	}
}

const reachable = "Check that the control plane runs, and that this machine can reach its address."

// AddUnreadable adds the error for an object of the control plane that the
// provider does not understand.
func AddUnreadable(diags *diag.Diagnostics, what string, err error) {
	diags.AddError("Unexpected document", fmt.Sprintf(
		"The provider cannot read %s: %s.\n\n"+
			"The document has a form that this provider does not support. Check it with `kumactl get`, and fix it. If it "+
			"is correct, use another version of the provider.", what, err))
}

// SecretData returns the content of a secret of a mesh.
func SecretData(secret *kuma.Secret, mesh, name string, diags *diag.Diagnostics) (data []byte, ok bool) {
	data, err := secret.Data()
	if err != nil {
		AddUnreadable(diags, fmt.Sprintf("Secret %q of mesh %q", name, mesh), err)
	}
	return data, err == nil
}

// AddRefused adds an error for each field of a document that the control plane
// rejected, and reports whether err names any. explain returns the attribute of a
// field, and advice.
func AddRefused(diags *diag.Diagnostics, task string, err error, explain func(field string) (at path.Path, advice string)) bool {
	var refusal *kuma.Error
	if !errors.As(err, &refusal) || !refusal.Refused() || len(refusal.Parameters) == 0 {
		return false
	}
	for _, parameter := range refusal.Parameters {
		at, advice := explain(parameter.Field)
		diags.AddAttributeError(at, "Control plane rejected the change", WithPath(at, fmt.Sprintf("Could not %s. The control plane rejected %s: %s.%s",
			task, cmp.Or(parameter.Field, "the document"), strings.TrimSuffix(parameter.Reason, "."), advice)))
	}
	return true
}

// AddMeshAbsent adds the error for an object whose mesh does not exist.
func AddMeshAbsent(diags *diag.Diagnostics, mesh string) {
	diags.AddAttributeError(path.Root("mesh"), "No such mesh", fmt.Sprintf(
		"There is no mesh %q on the control plane. If a kongmesh_mesh resource creates it, refer to its name, as in "+
			"`mesh = kongmesh_mesh.this.name`, so that Terraform knows the order. Otherwise, create it first.", mesh))
}

// AddImportMeshAbsent adds the error for an import of an object whose mesh does
// not exist.
func AddImportMeshAbsent(diags *diag.Diagnostics, mesh string) {
	diags.AddError("No such mesh", fmt.Sprintf("There is no mesh %q on the control plane. Check the import ID, which starts with the name of the mesh, and "+
		"the address in the provider block.", mesh))
}

// AddNoRandom adds the error for a machine that provides no random numbers.
func AddNoRandom(diags *diag.Diagnostics, err error) {
	diags.AddError("No random numbers", fmt.Sprintf("This machine did not provide random numbers, which the provider needs for the private state: %s. "+
		"Apply again, or on another machine.", err))
}

// Backends lists the names of mTLS backends for a sentence.
func Backends(names []string) string {
	if len(names) == 1 {
		return "mTLS backend " + Quote(names...)
	}
	return "mTLS backends " + Quote(names...)
}

// AddProblems adds problems of CA material to the attribute with that material.
func AddProblems(diags *diag.Diagnostics, at path.Path, problems pki.Problems) {
	for _, p := range problems {
		summary := fmt.Sprintf("CA material: %s", strings.ReplaceAll(string(p.Rule), "-", " "))
		if p.Severity == pki.Warning {
			diags.AddAttributeWarning(at, summary, WithPath(at, p.String()))
		} else {
			diags.AddAttributeError(at, summary, WithPath(at, p.String()))
		}
	}
}

// WithPath puts the path of a nested attribute before a message: Terraform shows
// the line of a top-level attribute, but not of a nested one.
func WithPath(at path.Path, text string) string {
	for pki.MayHoldKey(at.String()) { // the key of a map can be any string
		at = at.ParentPath()
	}
	if len(at.Steps()) < 2 {
		return text
	}
	return at.String() + ": " + text
}

// Quote lists strings in quotation marks for a message. It hides those that may
// be a private key, see [pki.Quote].
func Quote(names ...string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = pki.Quote(name)
	}
	return strings.Join(quoted, ", ")
}
