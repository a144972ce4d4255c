// Command schema completes the answer of `terraform providers schema -json`, from standard input to standard output:
// it adds resource identities and list resources, which the documentation needs and a Terraform before 1.14 leaves out.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

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

// The parts of the answer that are added, as Terraform writes them.
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
	block struct {
		Attributes      map[string]attribute `json:"attributes"`
		Description     string               `json:"description"`
		DescriptionKind string               `json:"description_kind"`
	}
	attribute struct {
		Type            tftypes.Type `json:"type"`
		Description     string       `json:"description"`
		DescriptionKind string       `json:"description_kind"`
		Required        bool         `json:"required,omitempty"`
		Optional        bool         `json:"optional,omitempty"`
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
	lists, identities, err := schemas(ctx)
	if err != nil {
		return err
	}
	for _, provider := range answer.Providers { // there is one
		provider["list_resource_schemas"], provider["resource_identity_schemas"] = lists, identities
	}
	return json.NewEncoder(out).Encode(answer)
}

func schemas(ctx context.Context) (lists, identities json.RawMessage, err error) {
	server := providerserver.NewProtocol6(provider.New("dev", provider.Options{})())()
	all, err := server.GetProviderSchema(ctx, &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		return nil, nil, err
	}
	ids, err := server.GetResourceIdentitySchemas(ctx, &tfprotov6.GetResourceIdentitySchemasRequest{})
	if err != nil {
		return nil, nil, err
	}
	for _, problem := range append(all.Diagnostics, ids.Diagnostics...) {
		return nil, nil, fmt.Errorf("%s: %s", problem.Summary, problem.Detail)
	}

	listed := map[string]listSchema{}
	for name, schema := range all.ListResourceSchemas {
		attributes := map[string]attribute{}
		for _, a := range schema.Block.Attributes {
			if a.NestedType != nil {
				return nil, nil, fmt.Errorf("%s.%s is nested, which is not written here yet", name, a.Name)
			}
			attributes[a.Name] = attribute{a.Type, a.Description, kind(a.DescriptionKind), a.Required, a.Optional}
		}
		listed[name] = listSchema{schema.Version, block{attributes, schema.Block.Description, kind(schema.Block.DescriptionKind)}}
	}
	identified := map[string]identitySchema{}
	for name, schema := range ids.IdentitySchemas {
		attributes := map[string]identityAttribute{}
		for _, a := range schema.IdentityAttributes {
			attributes[a.Name] = identityAttribute{a.Type, a.Description, a.RequiredForImport, a.OptionalForImport}
		}
		identified[name] = identitySchema{schema.Version, attributes}
	}
	lists, errLists := json.Marshal(listed)
	identities, errIdentities := json.Marshal(identified)
	return lists, identities, errors.Join(errLists, errIdentities)
}

func kind(of tfprotov6.StringKind) string {
	if of == tfprotov6.StringKindMarkdown {
		return "markdown"
	}
	return "plain"
}
