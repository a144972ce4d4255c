package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/provider"
)

// schemaAttributes returns the names of all attributes of the provider, at any depth.
func schemaAttributes(ctx context.Context) (map[string]bool, error) {
	answer, err := providerserver.NewProtocol6(provider.New("dev", provider.Options{})())().
		GetProviderSchema(ctx, &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		return nil, err
	}
	for _, problem := range answer.Diagnostics {
		return nil, fmt.Errorf("%s: %s", problem.Summary, problem.Detail)
	}
	schemas := []*tfprotov6.Schema{answer.Provider}
	for _, group := range []map[string]*tfprotov6.Schema{
		answer.ResourceSchemas, answer.DataSourceSchemas, answer.EphemeralResourceSchemas, answer.ListResourceSchemas,
	} {
		schemas = slices.AppendSeq(schemas, maps.Values(group))
	}
	for _, action := range answer.ActionSchemas {
		schemas = append(schemas, action.Schema)
	}
	names := map[string]bool{}
	for _, schema := range schemas {
		addNames(names, schema.Block.Attributes)
	}
	return names, nil
}

func addNames(names map[string]bool, attributes []*tfprotov6.SchemaAttribute) {
	for _, attribute := range attributes {
		names[attribute.Name] = true
		if attribute.NestedType != nil {
			addNames(names, attribute.NestedType.Attributes)
		}
	}
}
