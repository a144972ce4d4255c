package acctest

import "github.com/hashicorp/terraform-plugin-go/tfprotov6"

// Attribute is an attribute that has no attributes itself.
type Attribute struct {
	Path         string // such as `logging.backends.file.path`, without indexes
	Configurable bool   // and not only computed
	Sensitive    bool   // itself
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
		all = append(all, Attribute{above + attribute.Name, attribute.Required || attribute.Optional, attribute.Sensitive})
	}
	return all
}
