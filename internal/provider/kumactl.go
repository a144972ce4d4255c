package provider

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"go.yaml.in/yaml/v3"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// kumactlFile is the part of kumactl's configuration that says how to connect
// to a control plane. kumactl reads keys in snake case and in lower camel case,
// and writes the latter; see [snakeCase].
type kumactlFile struct {
	ControlPlanes []struct {
		Name        string
		Coordinates struct {
			APIServer apiServer `yaml:"api_server"`
		}
	} `yaml:"control_planes"`
	Contexts []struct {
		Name         string
		ControlPlane string `yaml:"control_plane"`
	}
	CurrentContext string `yaml:"current_context"`
}

type apiServer struct {
	URL            string
	CACertFile     string `yaml:"ca_cert_file"`
	ClientCertFile string `yaml:"client_cert_file"`
	ClientKeyFile  string `yaml:"client_key_file"`
	SkipVerify     bool   `yaml:"skip_verify"`
	Headers        []struct{ Key, Value string }
	AuthType       string            `yaml:"auth_type"`
	AuthConf       map[string]string `yaml:"auth_conf"`
}

// kumactlContext has the settings of one context, and its source. The zero
// value is no context, without any settings.
type kumactlContext struct {
	origin string // `context "east" of /home/me/.kumactl/config`
	path   path.Path
	apiServer
}

func (c kumactlContext) isSet() bool { return c.origin != "" }

// setting returns a value of the context, if it has one.
func (c kumactlContext) setting(value string) setting {
	return setting{value: value, origin: c.origin, path: c.path}
}

// token returns the bearer token that kumactl would send.
func (c kumactlContext) token() setting {
	if c.AuthType == "" {
		return setting{}
	}
	return c.setting(c.AuthConf["token"])
}

// headers returns the headers that kumactl would send.
func (c kumactlContext) headers() map[string]string {
	headers := make(map[string]string, len(c.Headers))
	for _, header := range c.Headers {
		headers[header.Key] = header.Value
	}
	return headers
}

// kumactl reads the context of kumactl's configuration that the provider block
// or the environment selects.
func (m model) kumactl(diags *diag.Diagnostics) kumactlContext {
	file := from("config_path", m.ConfigPath, "KONGMESH_CONFIG_PATH", setting{})
	name := from("config_context", m.ConfigContext, "KONGMESH_CONFIG_CONTEXT", setting{})
	if !file.set() && !name.set() {
		return kumactlContext{}
	}
	at := name.path
	if m.ConfigContext.IsNull() && !m.ConfigPath.IsNull() {
		at = file.path
	}
	if !file.set() {
		file.value, file.origin, file.path = "~/.kumactl/config", "the default path of kumactl", at
	}
	if pki.MayHoldKey(file.value) {
		addNoPath(file, "config_path expects the path of kumactl's configuration. Use the arguments that end with _pem for "+
			"certificates and keys.", diags)
		return kumactlContext{}
	}
	location := expand(file.value)
	content, err := os.ReadFile(location)
	if err != nil {
		diags.AddAttributeError(file.path, "File not readable", fmt.Sprintf(
			"The provider cannot read kumactl's configuration (%s): %s. Set config_path to its path, or remove config_path "+
				"and config_context and set address and token.", file.origin, err))
		return kumactlContext{}
	}
	config, err := parseKumactl(content)
	if err != nil {
		diags.AddAttributeError(file.path, "Invalid kumactl configuration", fmt.Sprintf(
			"The file %s (%s) does not have the format of kumactl's configuration: %s. `kumactl config view` shows a valid "+
				"file.", location, file.origin, err))
		return kumactlContext{}
	}
	if !name.set() {
		name.value, name.origin = config.CurrentContext, "the current context"
	}
	server, err := config.find(name)
	if err != nil {
		diags.AddAttributeError(at, "No such context", fmt.Sprintf("kumactl's configuration %s (%s) %s.", location, file.origin, err))
		return kumactlContext{}
	}
	found := kumactlContext{fmt.Sprintf("context %q of %s", name.value, location), at, server}
	if server.AuthType != "" && server.AuthType != "tokens" {
		diags.AddAttributeError(at, "Unknown authentication type", fmt.Sprintf(
			`The %s has the auth_type %s, and the provider only supports "tokens". Remove the context, and set address, `+
				"and token or headers, in the provider block.", found.origin, tfkit.Quote(server.AuthType)))
	}
	return found
}

// find returns the API server of a context. The error is the end of a sentence
// that begins with the name of the file.
func (f kumactlFile) find(name setting) (apiServer, error) {
	contexts := make(map[string]string, len(f.Contexts))
	for _, context := range slices.Backward(f.Contexts) { // of two contexts with one name, kumactl uses the first
		contexts[context.Name] = context.ControlPlane
	}
	known := "It has no contexts: `kumactl config control-planes add` adds one"
	if len(contexts) > 0 {
		known = "It has " + tfkit.Quote(slices.Sorted(maps.Keys(contexts))...)
	}
	if !name.set() {
		return apiServer{}, fmt.Errorf("has no current context. Set config_context. %s", known)
	}
	controlPlane, found := contexts[name.value]
	if !found {
		return apiServer{}, fmt.Errorf("has no context %s (%s). %s", tfkit.Quote(name.value), name.origin, known)
	}
	for _, candidate := range f.ControlPlanes {
		if candidate.Name == controlPlane {
			return candidate.Coordinates.APIServer, nil
		}
	}
	return apiServer{}, fmt.Errorf("has the context %q (%s), but not its control plane %s. `kumactl config control-planes add` adds it", name.value, name.origin, tfkit.Quote(controlPlane))
}

// lineNumber matches the only part of a YAML error that a message contains: the
// rest quotes the file.
var lineNumber = regexp.MustCompile(`line \d+`)

func parseKumactl(content []byte) (kumactlFile, error) {
	var (
		document yaml.Node
		file     kumactlFile
	)
	err := yaml.Unmarshal(content, &document)
	if err == nil {
		snakeCase(&document)
		err = document.Decode(&file)
	}
	if err != nil {
		if line := lineNumber.FindString(err.Error()); line != "" {
			return file, fmt.Errorf("see %s", line)
		}
		return file, errors.New("it is not YAML")
	}
	return file, nil
}

// snakeCase converts the keys of mappings from lower camel case to snake case.
func snakeCase(node *yaml.Node) {
	for i, child := range node.Content {
		if node.Kind == yaml.MappingNode && i%2 == 0 {
			child.Value = upperCase.ReplaceAllStringFunc(child.Value, func(letter string) string { return "_" + strings.ToLower(letter) })
		}
		snakeCase(child)
	}
}

var upperCase = regexp.MustCompile(`[A-Z]`)

// expand replaces ~ at the beginning of a path with the home folder, as the
// shell does for kumactl.
func expand(file string) string {
	home, err := os.UserHomeDir()
	if rest, found := strings.CutPrefix(file, "~/"); found && err == nil {
		return filepath.Join(home, rest)
	}
	return file
}
