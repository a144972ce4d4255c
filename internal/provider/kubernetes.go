package provider

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kubeconfig"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// kubernetesModel is the argument kubernetes. Names and environment variables are
// those of the helm provider.
type kubernetesModel struct {
	Namespace             types.String `tfsdk:"namespace"`
	ConfigPath            types.String `tfsdk:"config_path"`
	ConfigPaths           types.List   `tfsdk:"config_paths"`
	ConfigContext         types.String `tfsdk:"config_context"`
	ConfigContextAuthInfo types.String `tfsdk:"config_context_auth_info"`
	ConfigContextCluster  types.String `tfsdk:"config_context_cluster"`
	Host                  types.String `tfsdk:"host"`
	Token                 types.String `tfsdk:"token"`
	ClusterCACertificate  types.String `tfsdk:"cluster_ca_certificate"`
	ClientCertificate     types.String `tfsdk:"client_certificate"`
	ClientKey             types.String `tfsdk:"client_key"`
	Insecure              types.Bool   `tfsdk:"insecure"`
	TLSServerName         types.String `tfsdk:"tls_server_name"`
	ProxyURL              types.String `tfsdk:"proxy_url"`
	Exec                  *execModel   `tfsdk:"exec"`
}

type execModel struct {
	APIVersion types.String `tfsdk:"api_version"`
	Command    types.String `tfsdk:"command"`
	Args       types.List   `tfsdk:"args"`
	Env        types.Map    `tfsdk:"env"`
}

func kubernetesAttribute() schema.Attribute {
	text := func(description, environment string) schema.StringAttribute {
		if environment != "" {
			description += " Can also be set with `" + environment + "`."
		}
		return schema.StringAttribute{MarkdownDescription: description, Optional: true}
	}
	secret := func(description, environment string) schema.StringAttribute {
		attribute := text(description, environment)
		attribute.Sensitive = true
		return attribute
	}
	return schema.SingleNestedAttribute{
		MarkdownDescription: "Access to the Kubernetes cluster of the control plane. If set, even to `{}`, the provider reads and writes meshes, " +
			"secrets and other resources with the Kubernetes API. The nested attributes and their environment variables are those of the `helm` provider. " +
			"In a pod, `{}` uses the pod's service account. See the guide \"Manage a mesh on Kubernetes\".",
		Optional: true,
		Attributes: map[string]schema.Attribute{
			"namespace": text("Namespace of the control plane, which contains the secrets. Defaults to the namespace that the control plane reports at "+
				"`address`, or else to `kuma-system`.", ""),
			"config_path": text("Path to a kubeconfig file. Conflicts with `config_paths`.", "KUBE_CONFIG_PATH"),
			"config_paths": schema.ListAttribute{
				MarkdownDescription: "Paths to kubeconfig files, of which earlier ones take precedence. Can also be set with `KUBE_CONFIG_PATHS`, separated by `:` " +
					"(on Windows, by `;`).",
				ElementType: types.StringType, Optional: true,
				Validators: []validator.List{tfkit.NoNulls()},
			},
			"config_context":           text("Name of a context in the kubeconfig files. Defaults to the current context.", "KUBE_CTX"),
			"config_context_auth_info": text("Name of a user in the kubeconfig files, instead of the user of the context.", "KUBE_CTX_AUTH_INFO"),
			"config_context_cluster":   text("Name of a cluster in the kubeconfig files, instead of the cluster of the context.", "KUBE_CTX_CLUSTER"),
			"host":                     text("URL of the Kubernetes API.", "KUBE_HOST"),
			"token":                    secret("Bearer token. Conflicts with `client_certificate` and `exec`.", "KUBE_TOKEN"),
			"cluster_ca_certificate":   text("Certificates in PEM of the authorities to trust for the Kubernetes API.", "KUBE_CLUSTER_CA_CERT_DATA"),
			"client_certificate":       text("Client certificate in PEM. Requires `client_key`. Conflicts with `token` and `exec`.", "KUBE_CLIENT_CERT_DATA"),
			"client_key":               secret("Private key of the client certificate in PEM.", "KUBE_CLIENT_KEY_DATA"),
			"insecure": schema.BoolAttribute{
				MarkdownDescription: "Whether to skip the verification of the certificate of the Kubernetes API. Anyone on the network path can then read the " +
					"token and the private key of the CA. Can also be set with `KUBE_INSECURE`. Defaults to `false`.",
				Optional: true,
			},
			"tls_server_name": text("Name that the certificate of the Kubernetes API must contain, if it is not the name in `host`.", "KUBE_TLS_SERVER_NAME"),
			"proxy_url":       text("URL of a proxy for requests to the Kubernetes API.", "KUBE_PROXY_URL"),
			"exec": schema.SingleNestedAttribute{
				MarkdownDescription: "Command that prints credentials, such as `aws eks get-token`. Conflicts with `token` and `client_certificate`.",
				Optional:            true,
				Attributes: map[string]schema.Attribute{
					"api_version": schema.StringAttribute{MarkdownDescription: "API version of the command's output, such as `client.authentication.k8s.io/v1`.", Required: true},
					"command":     schema.StringAttribute{MarkdownDescription: "Command to run.", Required: true},
					"args": schema.ListAttribute{
						MarkdownDescription: "Arguments of the command.", ElementType: types.StringType, Optional: true,
						Validators: []validator.List{tfkit.NoNulls()},
					},
					"env": schema.MapAttribute{
						MarkdownDescription: "Environment variables of the command, besides those of Terraform.", ElementType: types.StringType,
						Optional: true, Sensitive: true, Validators: []validator.Map{tfkit.NoNulls()},
					},
				},
			},
		},
	}
}

func inKubernetes(attribute string) path.Path { return path.Root("kubernetes").AtName(attribute) }

// kubernetesSetting is [from] for an attribute of kubernetes.
func kubernetesSetting(attribute string, value types.String, environment string) setting {
	return settingAt(inKubernetes(attribute), value, environment, setting{})
}

// namespaceName is what Kubernetes takes for the name of a namespace.
var namespaceName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// access is how to reach the cluster. What contradicts itself, and what the files do
// not have, is an error on its attribute.
func (m kubernetesModel) access(ctx context.Context, userAgent string, now func() time.Time, diags *diag.Diagnostics) *kuma.Kubernetes {
	config := kubeconfig.Config{UserAgent: userAgent, Now: now}
	config.Paths = m.paths(ctx, diags)
	entry := kubernetesSetting("config_context", m.ConfigContext, "KUBE_CTX")
	user := kubernetesSetting("config_context_auth_info", m.ConfigContextAuthInfo, "KUBE_CTX_AUTH_INFO")
	cluster := kubernetesSetting("config_context_cluster", m.ConfigContextCluster, "KUBE_CTX_CLUSTER")
	host := kubernetesSetting("host", m.Host, "KUBE_HOST")
	authority := kubernetesSetting("cluster_ca_certificate", m.ClusterCACertificate, "KUBE_CLUSTER_CA_CERT_DATA")
	proxy := kubernetesSetting("proxy_url", m.ProxyURL, "KUBE_PROXY_URL")
	config.Context, config.User, config.Cluster = entry.value, user.value, cluster.value
	config.Host, config.ClusterCACertificate, config.ProxyURL = host.value, authority.value, proxy.value
	config.TLSServerName = kubernetesSetting("tls_server_name", m.TLSServerName, "KUBE_TLS_SERVER_NAME").value
	config.Insecure = m.insecure(diags)
	origin := m.credentials(ctx, &config, diags)
	m.check(host, authority, proxy, diags)
	if diags.HasError() {
		return nil
	}
	access, err := config.Access()
	if err != nil {
		addKubeconfigError(config, err, diags)
		return nil
	}
	where := host.origin
	if !host.set() {
		where = "the service account of this pod"
		if len(config.Paths) > 0 {
			where = fmt.Sprintf("context %s of %s", tfkit.Quote(access.Context), tfkit.Quote(config.Paths...))
		}
	}
	if origin == "" && access.User != "" {
		origin = fmt.Sprintf("user %s of %s", tfkit.Quote(access.User), tfkit.Quote(config.Paths...))
	}
	if !access.Verified {
		diags.AddAttributeWarning(inKubernetes("insecure"), "Kubernetes certificate not verified", fmt.Sprintf(
			"The provider does not verify the certificate of the Kubernetes API at %s (%s). Anyone on the network path can read the credentials "+
				"and the private key of the CA. Set cluster_ca_certificate instead.", access.Address.Redacted(), where))
	}
	return &kuma.Kubernetes{
		Address: access.Address, Transport: access.Transport, Namespace: m.Namespace.ValueString(), Secrets: access.Secrets,
		Origins: kuma.Origins{Address: where, Token: origin, CA: authority.origin},
	}
}

// paths are the kubeconfig files.
func (m kubernetesModel) paths(ctx context.Context, diags *diag.Diagnostics) []string {
	var paths []string
	one := kubernetesSetting("config_path", m.ConfigPath, "KUBE_CONFIG_PATH")
	switch {
	case !m.ConfigPath.IsNull() && !m.ConfigPaths.IsNull():
		diags.AddAttributeError(one.path, "Conflicting provider arguments", "kubernetes.config_path conflicts with kubernetes.config_paths. Remove one of them.")
	case !m.ConfigPaths.IsNull():
		diags.Append(m.ConfigPaths.ElementsAs(ctx, &paths, false)...)
	case !m.ConfigPath.IsNull() && one.set():
		paths = []string{one.value}
	case !m.ConfigPath.IsNull():
	case os.Getenv("KUBE_CONFIG_PATHS") != "":
		paths = filepath.SplitList(os.Getenv("KUBE_CONFIG_PATHS"))
	case one.set():
		paths = []string{one.value}
	}
	for _, file := range paths {
		if pki.MayHoldKey(file) {
			addNoPath(setting{origin: "kubernetes.config_path", path: one.path}, "Use the path of a kubeconfig file.", diags)
		}
	}
	return paths
}

func (m kubernetesModel) insecure(diags *diag.Diagnostics) bool {
	given := os.Getenv("KUBE_INSECURE")
	if !m.Insecure.IsNull() || given == "" {
		return m.Insecure.ValueBool()
	}
	insecure, err := strconv.ParseBool(given)
	if err != nil {
		diags.AddAttributeError(inKubernetes("insecure"), "Invalid environment variable", fmt.Sprintf(
			"KUBE_INSECURE is %s, which is neither true nor false. Set it to one of them, or unset it.", tfkit.Quote(given)))
	}
	return insecure
}

// credentials fills in who the user is, of one kind: an argument of one kind ignores
// environment variables of another. The result says where they come from, "" for the files.
func (m kubernetesModel) credentials(ctx context.Context, config *kubeconfig.Config, diags *diag.Diagnostics) (origin string) {
	token := kubernetesSetting("token", m.Token, "KUBE_TOKEN")
	cert := kubernetesSetting("client_certificate", m.ClientCertificate, "KUBE_CLIENT_CERT_DATA")
	key := kubernetesSetting("client_key", m.ClientKey, "KUBE_CLIENT_KEY_DATA")
	byToken, byCert, byExec := m.Token.ValueString() != "", m.ClientCertificate.ValueString() != "" || m.ClientKey.ValueString() != "", m.Exec != nil
	var given []string
	if byToken {
		given = append(given, "token")
	}
	if byCert {
		given = append(given, "client_certificate")
	}
	if byExec {
		given = append(given, "exec")
	}
	switch {
	case len(given) > 1:
		diags.AddAttributeError(path.Root("kubernetes"), "Conflicting provider arguments", fmt.Sprintf(
			"kubernetes has several kinds of credentials: %s. Keep one of them.", strings.Join(given, ", ")))
		return ""
	case byExec:
		config.Exec = &kubeconfig.Exec{APIVersion: m.Exec.APIVersion.ValueString(), Command: m.Exec.Command.ValueString()}
		diags.Append(m.Exec.Args.ElementsAs(ctx, &config.Exec.Args, false)...)
		diags.Append(m.Exec.Env.ElementsAs(ctx, &config.Exec.Env, false)...)
		return "argument kubernetes.exec"
	case byToken:
		config.Token = token.value
		return token.origin
	case !byCert && token.set() && (cert.set() || key.set()):
		diags.AddAttributeError(token.path, "Conflicting provider arguments", fmt.Sprintf(
			"Both a token (%s) and a client certificate (%s%s) are set. Unset one of them. `token = \"\"` ignores the environment variable.",
			token.origin, cert.origin, key.origin))
		return ""
	case token.set():
		config.Token = token.value
		return token.origin
	case cert.set() && !key.set():
		diags.AddAttributeError(cert.path, "Client key is missing", fmt.Sprintf("The client certificate (%s) has no key. Set kubernetes.client_key.", cert.origin))
	case key.set() && !cert.set():
		diags.AddAttributeError(key.path, "Client certificate is missing", fmt.Sprintf("The client key (%s) has no certificate. Set kubernetes.client_certificate.", key.origin))
	}
	config.ClientCertificate, config.ClientKey = cert.value, key.value
	return cert.origin
}

// check rejects values whose error would not name their attribute otherwise.
func (m kubernetesModel) check(host, authority, proxy setting, diags *diag.Diagnostics) {
	if name := m.Namespace.ValueString(); name != "" && !namespaceName.MatchString(name) {
		diags.AddAttributeError(inKubernetes("namespace"), "Invalid namespace", fmt.Sprintf(
			"%s is not the name of a namespace: use lowercase letters, digits and \"-\", such as kuma-system.", tfkit.Quote(name)))
	}
	for _, address := range []setting{host, proxy} {
		parsed, err := url.Parse(address.value)
		switch {
		case !address.set():
		case err != nil || parsed.Host == "" || pki.MayHoldKey(address.value):
			diags.AddAttributeError(address.path, "Invalid address", fmt.Sprintf(
				"%s (%s) is not a URL. Use https:// and a host, such as https://kubernetes.example.com:6443.", tfkit.Quote(withoutUser(address.value)), address.origin))
		case parsed.Scheme == "http" && address.path.Equal(host.path) && !loopback(parsed.Hostname()):
			diags.AddAttributeWarning(address.path, "Plain HTTP to Kubernetes", fmt.Sprintf(
				"The address %s (%s) does not use TLS, so anyone on the network path can read the credentials and the private key of the CA. Use https.",
				parsed.Redacted(), address.origin))
		}
	}
	if authority.set() && !strings.Contains(authority.value, "-----BEGIN CERTIFICATE-----") {
		diags.AddAttributeError(authority.path, "No certificate found", fmt.Sprintf(
			"The value of %s does not contain a certificate in PEM. It must contain a line -----BEGIN CERTIFICATE-----. If it is base64, use base64decode().", authority.origin))
	}
}

// addKubeconfigError says which file, context and user an error is about.
func addKubeconfigError(config kubeconfig.Config, err error, diags *diag.Diagnostics) {
	var (
		file    *kubeconfig.MissingFileError
		entry   *kubeconfig.MissingEntryError
		nowhere *kubeconfig.NowhereError
	)
	files := tfkit.Quote(config.Paths...)
	switch {
	case errors.As(err, &file):
		diags.AddAttributeError(inKubernetes("config_path"), "Kubeconfig file not found", fmt.Sprintf(
			"There is no file %s. A relative path starts at the folder in which Terraform runs. Set kubernetes.config_path to the path of a kubeconfig file.", tfkit.Quote(file.Path)))
	case errors.As(err, &entry):
		attribute := map[string]string{"context": "config_context", "cluster": "config_context_cluster", "user": "config_context_auth_info"}[entry.Kind]
		diags.AddAttributeError(inKubernetes(attribute), "Kubeconfig entry not found", fmt.Sprintf(
			"There is no %s %s in %s, which has: %s. Set kubernetes.%s to one of them.", entry.Kind, tfkit.Quote(entry.Name), files, tfkit.Few(entry.There), attribute))
	case errors.As(err, &nowhere) && len(nowhere.Paths) > 0:
		diags.AddAttributeError(inKubernetes("config_context"), "Kubeconfig has no context", fmt.Sprintf(
			"The file %s has no current context. Set kubernetes.config_context to the name of a context.", files))
	case errors.As(err, &nowhere):
		diags.AddAttributeError(path.Root("kubernetes"), "No Kubernetes cluster configured",
			"kubernetes has no config_path and no host, none of their environment variables is set, and Terraform does not run in a pod. KUBECONFIG is not read. "+
				"Set kubernetes.config_path, such as \"~/.kube/config\".")
	default:
		diags.AddAttributeError(path.Root("kubernetes"), "Kubeconfig not usable", fmt.Sprintf(
			"The provider cannot use the access to Kubernetes (files: %s; context: %s; user: %s): %s. Check that `kubectl get meshes` works with it.",
			files, tfkit.Quote(config.Context), tfkit.Quote(config.User), tfkit.Quote(err.Error())))
	}
}
