package mesh

import (
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/part"
)

// Read is what a document says about all sections, as after an import.
func Read(document string) (map[string]attr.Value, error) {
	parsed, err := kuma.ParseDocument([]byte(document))
	if err != nil {
		return nil, err
	}
	all := map[string]attr.Value{}
	for _, section := range sections() {
		if all[section.Name], err = section.Read(parsed, nil); err != nil {
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
		if err := section.Edit(parsed, wanted[section.Name]); err != nil {
			return "", err
		}
	}
	return string(parsed.Bytes()), nil
}

// Sections are the parts of a mesh.
func Sections() part.Parts { return sections() }

// Leaves are the paths of all attributes of sections that have no attributes themselves.
func Leaves() []string {
	return leaves("", sections())
}

func leaves(above string, parts part.Parts) []string {
	var all []string
	for _, p := range parts {
		switch kind := p.Kind.(type) {
		case part.Object:
			all = append(all, leaves(above+p.Name+".", kind.Parts)...)
		case part.List:
			all = append(all, leaves(above+p.Name+".", slices.Concat(kind.Parts, kind.Types))...)
		default:
			all = append(all, above+p.Name)
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
			*section = part.ObjectOf(value)
		}
	}
	return plan.attributeOf(field, &kuma.Mesh{Document: document}), nil
}
