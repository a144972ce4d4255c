package mesh

import (
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

// Read is what a document says about all sections, as after an import.
func Read(document string) (map[string]attr.Value, error) {
	parsed, err := kuma.ParseDocument([]byte(document))
	if err != nil {
		return nil, err
	}
	all := map[string]attr.Value{}
	for _, section := range sections() {
		if all[section.name], err = section.read(parsed, nil); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Edit makes a document mean these sections.
func Edit(document string, wanted map[string]attr.Value) (string, error) {
	parsed, err := kuma.ParseDocument([]byte(document))
	if err != nil {
		return "", err
	}
	for _, section := range sections() {
		if err := section.edit(parsed, wanted[section.name]); err != nil {
			return "", err
		}
	}
	return string(parsed.Bytes()), nil
}

// Leaves are the paths of all attributes of sections that have no attributes themselves.
func Leaves() []string {
	return leaves("", sections())
}

func leaves(above string, parts []part) []string {
	var all []string
	for _, p := range parts {
		switch kind := p.kind.(type) {
		case object:
			all = append(all, leaves(above+p.name+".", kind.parts)...)
		case list:
			all = append(all, leaves(above+p.name+".", slices.Concat(kind.parts, kind.types))...)
		default:
			all = append(all, above+p.name)
		}
	}
	return all
}

// AttributeOf is where a refusal of a field of the document sent goes, when
// planned is what the plan has.
func AttributeOf(field, sent string, planned map[string]attr.Value) (path.Path, error) {
	document, err := kuma.ParseDocument([]byte(sent))
	if err != nil {
		return path.Path{}, err
	}
	var plan model
	for name, section := range plan.sections() {
		if value, ok := planned[name]; ok {
			*section = objectOf(value)
		}
	}
	return plan.attributeOf(field, &kuma.Mesh{Document: document}), nil
}
