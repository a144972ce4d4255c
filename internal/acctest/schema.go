package acctest

import "github.com/hashicorp/terraform-plugin-go/tfprotov6"

// Attribute is an attribute without nested attributes.
type Attribute struct {
	Path         string // such as `logging.backends.file.path`, without indexes
	Configurable bool   // not only computed
	Sensitive    bool   // the attribute itself
}

// Attributes returns the attributes of a schema, including nested ones.
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
