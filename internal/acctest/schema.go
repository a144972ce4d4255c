package acctest

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/provider"
)

// Schemas is what the provider tells Terraform of itself.
func Schemas(t *testing.T) *tfprotov6.GetProviderSchemaResponse {
	t.Helper()
	server := providerserver.NewProtocol6(provider.New("test", provider.Options{})())()
	answer, err := server.GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, diagnostic := range answer.Diagnostics {
		t.Errorf("%s: %s", diagnostic.Summary, diagnostic.Detail)
	}
	return answer
}

// Attribute is an attribute that has no attributes itself.
type Attribute struct {
	Path         string // such as `logging.backends.file.path`, without indexes
	Configurable bool   // and not only computed
}

// Attributes are those of a schema, the ones within others included.
func Attributes(schema *tfprotov6.Schema) []Attribute {
	return within("", schema.Block.Attributes)
}

func within(above string, attributes []*tfprotov6.SchemaAttribute) []Attribute {
	var all []Attribute
	for _, attribute := range attributes {
		if attribute.NestedType != nil {
			all = append(all, within(above+attribute.Name+".", attribute.NestedType.Attributes)...)
			continue
		}
		all = append(all, Attribute{above + attribute.Name, attribute.Required || attribute.Optional})
	}
	return all
}
