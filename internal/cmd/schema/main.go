// Command schema completes the output of `terraform providers schema -json`, from standard input to standard output: it
// adds resource identities, list resources and actions, which the documentation needs and a Terraform before 1.14
// omits.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/provider"
)

func main() {
	if err := run(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "schema:", err)
		os.Exit(1)
	}
}

// The added parts of the output, in Terraform's form.
type (
	identitySchema struct {
		Version    int64                        `json:"version"`
		Attributes map[string]identityAttribute `json:"attributes"`
	}
	identityAttribute struct {
		Type              tftypes.Type `json:"type"`
		Description       string       `json:"description,omitempty"`
		RequiredForImport bool         `json:"required_for_import,omitempty"`
		OptionalForImport bool         `json:"optional_for_import,omitempty"`
	}
	listSchema struct {
		Version int64 `json:"version"`
		Block   block `json:"block"`
	}
	actionSchema struct {
		Block block `json:"block"`
	}
	block struct {
		Attributes      map[string]attribute `json:"attributes"`
		Description     string               `json:"description"`
		DescriptionKind string               `json:"description_kind"`
	}
	attribute struct {
		Type            tftypes.Type `json:"type,omitempty"`
		NestedType      *nestedType  `json:"nested_type,omitempty"`
		Description     string       `json:"description"`
		DescriptionKind string       `json:"description_kind"`
		Required        bool         `json:"required,omitempty"`
		Optional        bool         `json:"optional,omitempty"`
	}
	nestedType struct {
		Attributes  map[string]attribute `json:"attributes"`
		NestingMode string               `json:"nesting_mode"`
	}
)

func run(ctx context.Context, in io.Reader, out io.Writer) error {
	var answer struct {
		FormatVersion string                                `json:"format_version"`
		Providers     map[string]map[string]json.RawMessage `json:"provider_schemas"`
	}
	if err := json.NewDecoder(in).Decode(&answer); err != nil {
		return err
	}
	added, err := schemas(ctx)
	if err != nil {
		return err
	}
	for _, provider := range answer.Providers { // there is only one
		maps.Copy(provider, added)
	}
	return json.NewEncoder(out).Encode(answer)
}

// schemas returns the added parts by their names in the output.
func schemas(ctx context.Context) (map[string]json.RawMessage, error) {
	server := providerserver.NewProtocol6(provider.New("dev", provider.Options{})())()
	all, err := server.GetProviderSchema(ctx, &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		return nil, err
	}
	ids, err := server.GetResourceIdentitySchemas(ctx, &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		return nil, err
	}
	for _, problem := range append(all.Diagnostics, ids.Diagnostics...) {
		return nil, fmt.Errorf("%s: %s", problem.Summary, problem.Detail)
	}

	lists := map[string]listSchema{}
	for name, schema := range all.ListResourceSchemas {
		lists[name] = listSchema{schema.Version, blockOf(schema)}
	}
	actions := map[string]actionSchema{}
	for name, action := range all.ActionSchemas {
		actions[name] = actionSchema{blockOf(action.Schema)}
	}
	identities := map[string]identitySchema{}
	for name, schema := range ids.IdentitySchemas {
		attributes := map[string]identityAttribute{}
		for _, a := range schema.IdentityAttributes {
			attributes[a.Name] = identityAttribute{a.Type, a.Description, a.RequiredForImport, a.OptionalForImport}
		}
		identities[name] = identitySchema{schema.Version, attributes}
	}
	added := map[string]json.RawMessage{}
	for name, part := range map[string]any{"list_resource_schemas": lists, "action_schemas": actions, "resource_identity_schemas": identities} {
		if added[name], err = json.Marshal(part); err != nil {
			return nil, err
		}
	}
	return added, nil
}

func blockOf(schema *tfprotov6.Schema) block {
	return block{attributesOf(schema.Block.Attributes), schema.Block.Description, kind(schema.Block.DescriptionKind)}
}

func attributesOf(attributes []*tfprotov6.SchemaAttribute) map[string]attribute {
	found := map[string]attribute{}
	for _, a := range attributes {
		var nested *nestedType
		if a.NestedType != nil {
			nested = &nestedType{attributesOf(a.NestedType.Attributes), strings.ToLower(a.NestedType.Nesting.String())}
		}
		found[a.Name] = attribute{a.Type, nested, a.Description, kind(a.DescriptionKind), a.Required, a.Optional}
	}
	return found
}

func kind(of tfprotov6.StringKind) string {
	if of == tfprotov6.StringKindMarkdown {
		return "markdown"
	}
	return "plain"
}
