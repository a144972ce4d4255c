package mesh

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/float64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	datasource "github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/float64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/mapdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// attributes are the parts as attributes of a resource. What the control plane
// takes an absent member for is the attribute's default.
func attributes(parts []part) map[string]schema.Attribute {
	all := map[string]schema.Attribute{}
	for _, p := range parts {
		all[p.name] = p.attribute()
	}
	return all
}

func (p part) attribute() schema.Attribute {
	optional, computed, about := !p.required, p.absent != nil, p.about+p.defaultText()
	switch p.kind {
	case flag:
		a := schema.BoolAttribute{MarkdownDescription: about, Required: p.required, Optional: optional, Computed: computed}
		if is, ok := p.absent.(bool); ok {
			a.Default = booldefault.StaticBool(is)
		}
		return a
	case number:
		a := schema.Int64Attribute{MarkdownDescription: about, Required: p.required, Optional: optional, Computed: computed}
		a.Validators = []validator.Int64{int64validator.Between(1, 65535)}
		if is, ok := p.absent.(int64); ok {
			a.Default = int64default.StaticInt64(is)
		}
		return a
	case fraction:
		a := schema.Float64Attribute{MarkdownDescription: about, Required: p.required, Optional: optional, Computed: computed}
		a.Validators = []validator.Float64{float64validator.Between(0, 100)}
		if is, ok := p.absent.(float64); ok {
			a.Default = float64default.StaticFloat64(is)
		}
		return a
	case tags:
		a := schema.MapAttribute{MarkdownDescription: about, ElementType: types.StringType, Required: p.required, Optional: optional, Computed: computed}
		a.Validators = []validator.Map{mapvalidator.SizeAtLeast(1), tfkit.NoNulls()}
		if p.rules.selector {
			a.Validators = append(a.Validators,
				mapvalidator.KeysAre(tfkit.Check("Invalid tag", "a tag's name", checkTagName)),
				mapvalidator.ValueStringsAre(tfkit.Check("Invalid tag", "a tag's value", checkTagValue)))
		}
		if is, ok := p.value(p.absent).(types.Map); ok && computed {
			a.Default = mapdefault.StaticValue(is)
		}
		return a
	case object:
		a := schema.SingleNestedAttribute{MarkdownDescription: about, Required: p.required, Optional: optional, Attributes: attributes(p.parts)}
		if p.rules.whole != nil {
			a.Validators = append(a.Validators, whole{p.rules.whole})
		}
		return a
	case list:
		return p.listAttribute(about)
	default:
		a := schema.StringAttribute{MarkdownDescription: about, Required: p.required, Optional: optional, Computed: computed, Validators: p.rules.texts()}
		if is, ok := p.absent.(string); ok {
			a.Default = stringdefault.StaticString(is)
		}
		return a
	}
}

func (p part) listAttribute(about string) schema.Attribute {
	inner := attributes(p.parts)
	var kinds, names []string
	for _, t := range p.types {
		inner[t.name] = t.attribute()
		kinds, names = append(kinds, t.name), append(names, "`"+t.name+"`")
	}
	switch len(names) {
	case 0:
	case 1:
		about += fmt.Sprintf(" Each has %s, which is its type. Backends of other types stay in the mesh, and are not shown here.", names[0])
	default:
		about += fmt.Sprintf(" Each has exactly one of %s, which is its type. Backends of other types stay in the mesh, and are not shown here.", strings.Join(names, " and "))
	}
	a := schema.ListNestedAttribute{
		MarkdownDescription: about,
		Optional:            true,
		NestedObject:        schema.NestedAttributeObject{Attributes: inner},
	}
	if p.key != "" {
		a.Validators = []validator.List{items{p.key, kinds}}
	}
	return a
}

func (p part) defaultText() string {
	switch is := p.absent.(type) {
	case nil:
		return ""
	case map[string]string:
		var pairs []string
		for _, name := range slices.Sorted(maps.Keys(is)) {
			pairs = append(pairs, fmt.Sprintf("`%s` = `%s`", name, is[name]))
		}
		return " Default: " + strings.Join(pairs, ", ") + "."
	default:
		return fmt.Sprintf(" Default: `%v`.", is)
	}
}

// inFull are parts as a data source has them: lists are empty and not null, and
// have all backends there are, with the type of each.
func inFull(parts []part) []part {
	all := slices.Clone(parts)
	for i, p := range all {
		all[i].full = true
		all[i].parts, all[i].types = inFull(p.parts), inFull(p.types)
		if p.types != nil {
			all[i].parts = append(all[i].parts, part{name: "type", member: "type", kind: text, about: "Type of the backend."})
		}
	}
	return all
}

// computed are the parts as attributes of a data source.
func computed(parts []part) map[string]datasource.Attribute {
	all := map[string]datasource.Attribute{}
	for _, p := range parts {
		switch p.kind {
		case flag:
			all[p.name] = datasource.BoolAttribute{MarkdownDescription: p.about, Computed: true}
		case number:
			all[p.name] = datasource.Int64Attribute{MarkdownDescription: p.about, Computed: true}
		case fraction:
			all[p.name] = datasource.Float64Attribute{MarkdownDescription: p.about, Computed: true}
		case tags:
			all[p.name] = datasource.MapAttribute{MarkdownDescription: p.about, ElementType: types.StringType, Computed: true}
		case object:
			all[p.name] = datasource.SingleNestedAttribute{MarkdownDescription: p.about, Computed: true, Attributes: computed(p.parts)}
		case list:
			all[p.name] = datasource.ListNestedAttribute{
				MarkdownDescription: p.about,
				Computed:            true,
				NestedObject:        datasource.NestedAttributeObject{Attributes: computed(slices.Concat(p.parts, p.types))},
			}
		default:
			all[p.name] = datasource.StringAttribute{MarkdownDescription: p.about, Computed: true}
		}
	}
	return all
}
