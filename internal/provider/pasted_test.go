package provider_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/kumatest"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/provider"
)

// pasted is a private key, and a text that has it or a part of it, as somebody may
// paste it where something else belongs.
type pasted struct{ text string }

// allKeys are keys of each kind and encoding.
func allKeys() []string {
	return []string{"ec.key", "ec-sec1.key", "ed.key", "root.key", "root-pkcs1.key"}
}

// pastedKeys are keys in each form.
func pastedKeys(t *testing.T, keys ...string) map[string]pasted {
	t.Helper()
	all := map[string]pasted{}
	for _, name := range keys {
		for form, text := range acctest.KeyForms(t, acctest.PKI(t, name)) {
			all[name+" as "+form] = pasted{text}
		}
	}
	return all
}

// hidden checks that diagnostics, of which there are some, do not show the key.
func (p pasted) hidden(t *testing.T, where string, diagnostics []*tfprotov6.Diagnostic) {
	t.Helper()
	if len(diagnostics) == 0 {
		t.Errorf("%s: it is taken", where)
	}
	for _, d := range diagnostics {
		if acctest.Shows(p.text, "", d.Summary+"\n"+d.Detail) {
			t.Errorf("%s: the key is in the message: %s: %s", where, d.Summary, d.Detail)
		}
	}
}

// everywhere are the objects of a type that have a text in one place alone, by
// that place. A map has it as a key as well, and a list twice.
func everywhere(of tftypes.Type, text string) map[string]tftypes.Value {
	all := map[string]tftypes.Value{}
	within := func(element tftypes.Type, made func(tftypes.Value) any) {
		for place, value := range everywhere(element, text) {
			all["[]"+place] = tftypes.NewValue(of, made(value))
		}
	}
	switch of := of.(type) {
	case tftypes.Object:
		for name, kind := range of.AttributeTypes {
			for place, value := range everywhere(kind, text) {
				attributes := map[string]tftypes.Value{}
				for other, kind := range of.AttributeTypes {
					attributes[other] = tftypes.NewValue(kind, nil)
				}
				attributes[name] = value
				all["."+name+place] = tftypes.NewValue(of, attributes)
			}
		}
	case tftypes.Map:
		within(of.ElementType, func(v tftypes.Value) any { return map[string]tftypes.Value{"x": v, text: v} })
	case tftypes.List:
		within(of.ElementType, func(v tftypes.Value) any { return []tftypes.Value{v, v} })
	case tftypes.Set:
		within(of.ElementType, func(v tftypes.Value) any { return []tftypes.Value{v} })
	default:
		switch {
		case of.Is(tftypes.String):
			all[""] = tftypes.NewValue(of, text)
		case of.Is(tftypes.DynamicPseudoType):
			all["=text"] = tftypes.NewValue(tftypes.String, text)
			for place, name := range map[string]string{"=member": "name", "=name of member": text} {
				content := tftypes.Object{AttributeTypes: map[string]tftypes.Type{name: tftypes.String, "spec": tftypes.String}}
				all[place] = tftypes.NewValue(content, map[string]tftypes.Value{
					name: tftypes.NewValue(tftypes.String, text), "spec": tftypes.NewValue(tftypes.String, text),
				})
			}
		}
	}
	return all
}

// Whichever attribute it is pasted into, what is said of the configuration does
// not show a private key.
func TestPastedKey_everywhere(t *testing.T) {
	t.Parallel()
	server := acctest.New(t).Protocol()
	places := 0
	try := func(name string, schema *tfprotov6.Schema, validate func(context.Context, *tfprotov6.DynamicValue) ([]*tfprotov6.Diagnostic, error)) {
		of := schema.ValueType()
		for form, p := range pastedKeys(t, allKeys()...) {
			text := p.text
			for place, value := range everywhere(of, text) {
				places++
				config, err := tfprotov6.NewDynamicValue(of, value)
				if err != nil {
					t.Fatal(err)
				}
				diagnostics, err := validate(t.Context(), &config)
				if err != nil {
					t.Fatal(err)
				}
				for _, d := range diagnostics { // of others than this attribute, if it may be PEM
					p.hidden(t, name+place+", "+form, []*tfprotov6.Diagnostic{d})
				}
			}
		}
	}
	try("provider", server.Schemas.Provider, func(ctx context.Context, config *tfprotov6.DynamicValue) ([]*tfprotov6.Diagnostic, error) {
		answer, err := server.ValidateProviderConfig(ctx, &tfprotov6.ValidateProviderConfigRequest{Config: config})
		return answer.Diagnostics, err
	})
	for name, schema := range server.Schemas.ResourceSchemas {
		try(name, schema, func(ctx context.Context, config *tfprotov6.DynamicValue) ([]*tfprotov6.Diagnostic, error) {
			answer, err := server.ValidateResourceConfig(ctx, &tfprotov6.ValidateResourceConfigRequest{TypeName: name, Config: config})
			return answer.Diagnostics, err
		})
	}
	for name, schema := range server.Schemas.DataSourceSchemas {
		try("data "+name, schema, func(ctx context.Context, config *tfprotov6.DynamicValue) ([]*tfprotov6.Diagnostic, error) {
			answer, err := server.ValidateDataResourceConfig(ctx, &tfprotov6.ValidateDataResourceConfigRequest{TypeName: name, Config: config})
			return answer.Diagnostics, err
		})
	}
	for name, schema := range server.Schemas.EphemeralResourceSchemas {
		try("ephemeral "+name, schema, func(ctx context.Context, config *tfprotov6.DynamicValue) ([]*tfprotov6.Diagnostic, error) {
			answer, err := server.ValidateEphemeralResourceConfig(ctx, &tfprotov6.ValidateEphemeralResourceConfigRequest{TypeName: name, Config: config})
			return answer.Diagnostics, err
		})
	}
	actions, _ := server.ProviderServer.(tfprotov6.ActionServer)
	for name, schema := range server.Schemas.ActionSchemas {
		try("action "+name, schema.Schema, func(ctx context.Context, config *tfprotov6.DynamicValue) ([]*tfprotov6.Diagnostic, error) {
			answer, err := actions.ValidateActionConfig(ctx, &tfprotov6.ValidateActionConfigRequest{ActionType: name, Config: config})
			return answer.Diagnostics, err
		})
	}
	for name, schema := range server.Schemas.ListResourceSchemas {
		try("list "+name, schema, func(ctx context.Context, config *tfprotov6.DynamicValue) ([]*tfprotov6.Diagnostic, error) {
			answer, err := server.Lists.ValidateListResourceConfig(ctx, &tfprotov6.ValidateListResourceConfigRequest{TypeName: name, Config: config})
			return answer.Diagnostics, err
		})
	}
	if places < 200 {
		t.Errorf("there are %d places alone", places)
	}
}

// What later messages would show, those of requests among them, is refused.
func TestPastedKey_refused(t *testing.T) {
	t.Parallel()
	server := acctest.New(t).Protocol()
	backends := func(section string, all ...any) map[string]any {
		return map[string]any{"name": "m", section: map[string]any{"backends": all}}
	}
	for form, p := range pastedKeys(t, allKeys()...) {
		text := p.text
		named := map[string]any{"name": text, "file": map[string]any{"path": "/x"}}
		prometheus := map[string]any{"skip_mtls": true, "tls": map[string]any{"mode": text}}
		for name, test := range map[string]struct {
			resource string
			config   map[string]any
			at       string // the last part of its path
		}{
			"backend":                {"kongmesh_mtls_provided_backend", map[string]any{"name": text}, "name"},
			"file of certificate":    {"kongmesh_mtls_provided_backend", map[string]any{"cert": map[string]any{"file": text}}, "file"},
			"file of key":            {"kongmesh_mtls_provided_backend", map[string]any{"key": map[string]any{"file": text}}, "file"},
			"backend of logging":     {"kongmesh_mesh", backends("logging", named), "name"},
			"two backends of a name": {"kongmesh_mesh", backends("logging", named, named), "name"},
			"part of an error":       {"kongmesh_mesh", backends("metrics", map[string]any{"name": "p", "prometheus": map[string]any{"envoy": map[string]any{"filter_regex": "(" + text}}}), "filter_regex"},
			"contradiction":          {"kongmesh_mesh", backends("metrics", map[string]any{"name": "p", "prometheus": prometheus}), "skip_mtls"},
		} {
			answer, err := server.ValidateResourceConfig(t.Context(), &tfprotov6.ValidateResourceConfigRequest{
				TypeName: test.resource, Config: server.Value(server.Schemas.ResourceSchemas[test.resource].ValueType(), test.config),
			})
			if err != nil {
				t.Fatal(err)
			}
			p.hidden(t, name+", "+form, at(test.at, answer.Diagnostics))
		}
		for _, name := range []string{"kongmesh_ca_chain", "kongmesh_proxy_certificate"} {
			answer, err := server.ValidateDataResourceConfig(t.Context(), &tfprotov6.ValidateDataResourceConfigRequest{
				TypeName: name, Config: server.Value(server.Schemas.DataSourceSchemas[name].ValueType(), map[string]any{"mesh": "m", "backend": text}),
			})
			if err != nil {
				t.Fatal(err)
			}
			p.hidden(t, "backend of "+name+", "+form, at("backend", answer.Diagnostics))
		}
	}
}

// at are the diagnostics of attributes with a name.
func at(name string, diagnostics []*tfprotov6.Diagnostic) []*tfprotov6.Diagnostic {
	return slices.DeleteFunc(diagnostics, func(d *tfprotov6.Diagnostic) bool {
		return d.Attribute.LastStep() != tftypes.AttributeName(name)
	})
}

// The same for how the provider is configured, whichever way. What it takes, a
// request shows.
func TestPastedKey_provider(t *testing.T) {
	schemas := acctest.New(t).Protocol()
	t.Setenv("KONGMESH_ADDRESS", "") // it would come before kumactl's
	of := schemas.Schemas.Provider.ValueType()
	says := func(config map[string]any) []*tfprotov6.Diagnostic {
		t.Helper()
		server, err := acctest.Provider(provider.Options{})["kongmesh"]()
		if err != nil {
			t.Fatal(err)
		}
		configured, err := server.ConfigureProvider(t.Context(), &tfprotov6.ConfigureProviderRequest{Config: schemas.Value(of, config)})
		if err != nil {
			t.Fatal(err)
		}
		if len(configured.Diagnostics) > 0 {
			return configured.Diagnostics
		}
		const asked = "kongmesh_control_plane"
		read, err := server.ReadDataSource(t.Context(), &tfprotov6.ReadDataSourceRequest{
			TypeName: asked, Config: schemas.Value(schemas.Schemas.DataSourceSchemas[asked].ValueType(), map[string]any{}),
		})
		if err != nil {
			t.Fatal(err)
		}
		return read.Diagnostics
	}
	file := filepath.Join(t.TempDir(), "kumactl")
	const kumactl = `
contexts: [{name: c, controlPlane: cp}]
controlPlanes: [{name: cp, coordinates: {apiServer: {%s: %q%s}}}]
currentContext: c
`
	for form, p := range pastedKeys(t, "ec.key") {
		text := p.text
		for name, config := range map[string]map[string]any{
			"address":          {"address": text},
			"address's path":   {"address": "http://localhost:1/" + text},
			"address's query":  {"address": "http://localhost:1/?key=" + text},
			"ca_cert_file":     {"ca_cert_file": text},
			"client_cert_file": {"client_cert_file": text},
			"client_key_file":  {"client_key_file": text},
			"config_path":      {"config_path": text},
			"header":           {"address": "http://localhost:1", "headers": map[string]any{text: "x"}},
			"request_timeout":  {"request_timeout": text},
		} {
			p.hidden(t, name+", "+form, says(config))
		}
		for _, variable := range []string{
			"KONGMESH_ADDRESS", "KONGMESH_CA_CERT_FILE", "KONGMESH_CLIENT_CERT_FILE", "KONGMESH_CLIENT_KEY_FILE", "KONGMESH_CONFIG_PATH",
		} {
			t.Run(variable+", "+form, func(t *testing.T) {
				t.Setenv(variable, text)
				p.hidden(t, variable, says(map[string]any{}))
			})
		}
		for name, lines := range map[string]string{
			"context":         fmt.Sprintf(kumactl, "url", "http://localhost:1", ""),
			"client_key_file": fmt.Sprintf(kumactl, "clientKeyFile", text, ""),
			"url":             fmt.Sprintf(kumactl, "url", text, ""),
			"auth_type":       fmt.Sprintf(kumactl, "authType", text, ", url: http://localhost:1"),
			"control plane":   strings.ReplaceAll(fmt.Sprintf(kumactl, "url", "http://localhost:1", ""), "controlPlane: cp", fmt.Sprintf("controlPlane: %q", text)),
		} {
			write(t, file, lines)
			config := map[string]any{"config_path": file, "config_context": "c"}
			if name == "context" {
				config["config_context"] = text
			}
			p.hidden(t, "kumactl's "+name+", "+form, says(config))
		}
	}
}

// The advice names the argument for the PEM.
func TestPastedKey_advice(t *testing.T) {
	key := acctest.PKI(t, "ec.key")
	schemas := acctest.New(t).Protocol()
	for attribute, advice := range map[string]string{"ca_cert": "Use ca_cert_pem", "client_cert": "Use client_cert_pem", "client_key": "Use client_key_pem"} {
		for origin, set := range map[string]func(*testing.T) map[string]any{
			"argument " + attribute + "_file": func(*testing.T) map[string]any { return map[string]any{attribute + "_file": key} },
			"environment variable KONGMESH_" + strings.ToUpper(attribute) + "_FILE": func(t *testing.T) map[string]any {
				t.Helper()
				t.Setenv("KONGMESH_"+strings.ToUpper(attribute)+"_FILE", key)
				return nil
			},
		} {
			t.Run(origin, func(t *testing.T) {
				server, err := acctest.Provider(provider.Options{})["kongmesh"]()
				if err != nil {
					t.Fatal(err)
				}
				answer, err := server.ConfigureProvider(t.Context(), &tfprotov6.ConfigureProviderRequest{
					Config: schemas.Value(schemas.Schemas.Provider.ValueType(), set(t)),
				})
				if err != nil || len(answer.Diagnostics) == 0 {
					t.Fatalf("%v, %v", answer.Diagnostics, err)
				}
				d := answer.Diagnostics[0]
				if d.Summary != "Not a file path" || !strings.Contains(d.Detail, origin) || !strings.Contains(d.Detail, advice) {
					t.Errorf("%s: %s", d.Summary, d.Detail)
				}
				if at := tftypes.NewAttributePath().WithAttributeName(attribute + "_file"); !d.Attribute.Equal(at) {
					t.Errorf("it is at %s", d.Attribute)
				}
			})
		}
	}
}

// The same for imports, by ID and by identity. What they take, the read that
// follows shows, which is not allowed here.
func TestPastedKey_imports(t *testing.T) {
	t.Parallel()
	server := acctest.New(t, kumatest.Authentication()).Protocol()
	for form, p := range pastedKeys(t, allKeys()...) {
		text := p.text
		for _, name := range slices.Sorted(maps.Keys(server.Identities)) {
			identity := map[string]any{}
			for _, attribute := range server.Identities[name].IdentityAttributes {
				identity[attribute.Name] = "x"
			}
			for attribute := range identity {
				with := maps.Clone(identity)
				with[attribute] = text
				_, _, diagnostics := server.Import(name, with)
				p.hidden(t, name+", identity's "+attribute+", "+form, diagnostics)
			}
			for _, id := range []string{text, "m/" + text, "m/c/" + text} {
				p.hidden(t, name+", ID, "+form, imports(t, server, name, id))
			}
		}
	}
}

// imports is what an import by ID says, and the read that follows.
func imports(t *testing.T, server *acctest.Protocol, name, id string) []*tfprotov6.Diagnostic {
	t.Helper()
	imported, err := server.ImportResourceState(t.Context(), &tfprotov6.ImportResourceStateRequest{TypeName: name, ID: id})
	if err != nil {
		t.Fatal(err)
	}
	all := imported.Diagnostics
	for _, found := range imported.ImportedResources {
		read, err := server.ReadResource(t.Context(), &tfprotov6.ReadResourceRequest{
			TypeName: name, CurrentState: found.State, Private: found.Private, CurrentIdentity: found.Identity,
		})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, read.Diagnostics...)
	}
	return all
}

// The same for a function, and for what the control plane has already.
func TestPastedKey_elsewhere(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	server := env.Protocol()
	mesh := env.Mesh()
	for form, p := range pastedKeys(t, allKeys()...) {
		text := p.text
		var arguments []*tfprotov6.DynamicValue
		for _, argument := range []string{"m", text} {
			value, err := tfprotov6.NewDynamicValue(tftypes.String, tftypes.NewValue(tftypes.String, argument))
			if err != nil {
				t.Fatal(err)
			}
			arguments = append(arguments, &value)
		}
		answer, err := server.CallFunction(t.Context(), &tfprotov6.CallFunctionRequest{Name: "spiffe_id", Arguments: arguments})
		if err != nil || answer.Error == nil {
			t.Fatalf("%s: no error: %v", form, err)
		}
		p.hidden(t, "service, "+form, []*tfprotov6.Diagnostic{{Detail: answer.Error.Text}})

		env.Must(http.MethodPut, "/meshes/"+mesh, map[string]any{"type": "Mesh", "name": mesh, "mtls": map[string]any{
			"skipValidation": true,
			"backends": []any{map[string]any{"name": "b", "type": "provided", "conf": map[string]any{
				"cert": map[string]any{"file": text}, "key": map[string]any{"file": text},
			}}},
		}})
		read, err := server.ReadDataSource(t.Context(), &tfprotov6.ReadDataSourceRequest{
			TypeName: "kongmesh_ca_chain",
			Config:   server.Value(server.Schemas.DataSourceSchemas["kongmesh_ca_chain"].ValueType(), map[string]any{"mesh": mesh, "backend": "b"}),
		})
		if err != nil {
			t.Fatal(err)
		}
		p.hidden(t, "file on the control plane's machine, "+form, read.Diagnostics)
	}
}
