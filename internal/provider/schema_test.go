package provider_test

import (
	"maps"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/acctest"
)

// Every attribute says what it is, those within others too.
func TestSchema_everythingIsDescribed(t *testing.T) {
	t.Parallel()
	answer := acctest.New(t).Protocol().Schemas
	schemas := map[string]*tfprotov6.Schema{"provider": answer.Provider}
	maps.Copy(schemas, answer.ResourceSchemas)
	for name, schema := range answer.DataSourceSchemas {
		schemas["data "+name] = schema
	}
	for name, action := range answer.ActionSchemas {
		schemas["action "+name] = action.Schema
	}
	for name, schema := range schemas {
		if schema.Block.Description == "" {
			t.Errorf("%s has no description", name)
		}
		if len(schema.Block.BlockTypes) > 0 {
			t.Errorf("%s has blocks", name)
		}
		described(t, name, schema.Block.Attributes)
	}
}

func described(t *testing.T, prefix string, attributes []*tfprotov6.SchemaAttribute) {
	t.Helper()
	for _, attribute := range attributes {
		name := prefix + "." + attribute.Name
		if attribute.Description == "" {
			t.Errorf("%s has no description", name)
		}
		if attribute.NestedType != nil {
			described(t, name, attribute.NestedType.Attributes)
		}
	}
}
