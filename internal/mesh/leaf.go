package mesh

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/float64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	datasource "github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/float64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/int64default"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/mapdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// A leaf is the kind of a part without parts. Its scalar defines the type.
type leaf struct{ scalar }

// A scalar converts between a member of a document, an attribute, and a Go
// value with the same meaning. The Go value nil means that there is none.
type scalar interface {
	attrType() attr.Type
	attribute(p part) schema.Attribute
	computed(about string) datasource.Attribute
	// absent returns the meaning of an absent member. A value that means the
	// same as the current one is never written.
	absent() any
	// decode returns nil for a value that means the same as an absent member.
	decode(raw json.RawMessage) (any, error)
	// value and plain convert to the value of an attribute, and from it.
	value(plain any) attr.Value
	plain(value attr.Value) any
}

func (l leaf) forDataSource() kind { return l }

func (l leaf) read(document *kuma.Document, member string, _ attr.Value) (attr.Value, error) {
	now, err := l.in(document, member)
	return l.value(now), err
}

func (l leaf) edit(document *kuma.Document, member string, value attr.Value) error {
	now, err := l.in(document, member)
	if err != nil {
		return err
	}
	wanted := l.absent()
	if !isNull(value) {
		wanted = l.plain(value)
	}
	switch {
	case reflect.DeepEqual(now, wanted):
	case wanted == nil || reflect.DeepEqual(wanted, l.absent()):
		document.Delete(member)
	default:
		encoded, err := json.Marshal(wanted)
		if err != nil {
			return fmt.Errorf("%s: %w", member, err)
		}
		document.Set(member, encoded)
	}
	return nil
}

// in returns the value of a member.
func (l leaf) in(document *kuma.Document, member string) (any, error) {
	raw := document.Get(member)
	if raw == nil {
		return l.absent(), nil
	}
	now, err := l.decode(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", member, err)
	}
	if now == nil {
		return l.absent(), nil
	}
	return now, nil
}

func (l leaf) meansNothing(value attr.Value) bool {
	return reflect.DeepEqual(l.plain(value), l.absent())
}

func (l leaf) follow(at path.Path, field tfkit.FieldSteps, _ *kuma.Document, _ string, _ attr.Value) path.Path {
	if key := field.Key(); key != "" {
		return at.AtMapKey(key)
	}
	return at
}

// A text is a string that is not empty, or one of a few values, which a
// document may also have as their numbers.
type text struct {
	def    string
	values []string
	check  func(string) error
}

func (text) attrType() attr.Type { return types.StringType }

func (s text) attribute(p part) schema.Attribute {
	a := schema.StringAttribute{MarkdownDescription: p.about, Required: p.required, Optional: !p.required, Validators: s.validators()}
	if s.def != "" {
		a.MarkdownDescription += fmt.Sprintf(" Defaults to `%s`.", s.def)
		a.Computed, a.Default = true, stringdefault.StaticString(s.def)
	}
	return a
}

func (s text) validators() []validator.String {
	switch {
	case s.values != nil:
		return []validator.String{tfkit.OneOf(s.values...)}
	case s.check != nil:
		return []validator.String{tfkit.Check("Invalid value", "a value that the control plane accepts", s.check)}
	default:
		return []validator.String{tfkit.Text()}
	}
}

func (text) computed(about string) datasource.Attribute {
	return datasource.StringAttribute{MarkdownDescription: about, Computed: true}
}

func (s text) absent() any { return unlessZero(s.def) }

func (s text) decode(raw json.RawMessage) (any, error) {
	if position, err := strconv.Atoi(string(raw)); err == nil && position >= 0 && position < len(s.values) {
		return s.values[position], nil
	}
	var is string
	err := json.Unmarshal(raw, &is)
	return unlessZero(is), err
}

func (text) value(plain any) attr.Value { return types.StringPointerValue(pointer[string](plain)) }

func (text) plain(value attr.Value) any {
	is, _ := value.(types.String)
	return is.ValueString()
}

// A boolean always has a default.
type boolean struct{ def bool }

func (boolean) attrType() attr.Type { return types.BoolType }

func (b boolean) attribute(p part) schema.Attribute {
	return schema.BoolAttribute{
		MarkdownDescription: fmt.Sprintf("%s Defaults to `%t`.", p.about, b.def),
		Optional:            true, Computed: true, Default: booldefault.StaticBool(b.def),
	}
}

func (boolean) computed(about string) datasource.Attribute {
	return datasource.BoolAttribute{MarkdownDescription: about, Computed: true}
}

func (b boolean) absent() any { return b.def }

func (boolean) decode(raw json.RawMessage) (any, error) {
	var is bool
	err := json.Unmarshal(raw, &is)
	return is, err
}

func (boolean) value(plain any) attr.Value { return types.BoolPointerValue(pointer[bool](plain)) }

func (boolean) plain(value attr.Value) any {
	is, _ := value.(types.Bool)
	return is.ValueBool()
}

// A port is a whole number; 0 means none.
type port struct{ def int64 }

func (port) attrType() attr.Type { return types.Int64Type }

func (n port) attribute(p part) schema.Attribute {
	a := schema.Int64Attribute{
		MarkdownDescription: p.about, Required: p.required, Optional: !p.required,
		Validators: []validator.Int64{int64validator.Between(1, 65535)},
	}
	if n.def != 0 {
		a.MarkdownDescription += fmt.Sprintf(" Defaults to `%d`.", n.def)
		a.Computed, a.Default = true, int64default.StaticInt64(n.def)
	}
	return a
}

func (port) computed(about string) datasource.Attribute {
	return datasource.Int64Attribute{MarkdownDescription: about, Computed: true}
}

func (n port) absent() any { return unlessZero(n.def) }

func (port) decode(raw json.RawMessage) (any, error) {
	near, err := number(raw)
	if err == nil && float64(int64(near)) != near {
		err = fmt.Errorf("%s is not a whole number", raw)
	}
	return unlessZero(int64(near)), err
}

func (port) value(plain any) attr.Value { return types.Int64PointerValue(pointer[int64](plain)) }

func (port) plain(value attr.Value) any {
	is, _ := value.(types.Int64)
	return is.ValueInt64()
}

// A percent is a number from 0 to 100, which always has a default.
type percent struct{ def float64 }

func (percent) attrType() attr.Type { return types.Float64Type }

func (n percent) attribute(p part) schema.Attribute {
	return schema.Float64Attribute{
		MarkdownDescription: fmt.Sprintf("%s Defaults to `%v`.", p.about, n.def),
		Optional:            true, Computed: true, Default: float64default.StaticFloat64(n.def),
		Validators: []validator.Float64{float64validator.Between(0, 100)},
	}
}

func (percent) computed(about string) datasource.Attribute {
	return datasource.Float64Attribute{MarkdownDescription: about, Computed: true}
}

func (n percent) absent() any { return n.def }

func (percent) decode(raw json.RawMessage) (any, error) { return number(raw) }

func (percent) value(plain any) attr.Value {
	return types.Float64PointerValue(pointer[float64](plain))
}

func (percent) plain(value attr.Value) any {
	is, _ := value.(types.Float64)
	return is.ValueFloat64()
}

// Tags are strings by name, those of a selector with its rules.
type tags struct {
	def      map[string]string
	selector bool
}

func (tags) attrType() attr.Type { return types.MapType{ElemType: types.StringType} }

func (m tags) attribute(p part) schema.Attribute {
	a := schema.MapAttribute{
		MarkdownDescription: p.about, ElementType: types.StringType, Required: p.required, Optional: !p.required,
		Validators: []validator.Map{mapvalidator.SizeAtLeast(1), tfkit.NoNulls()},
	}
	if m.selector {
		a.Validators = append(a.Validators,
			mapvalidator.KeysAre(tfkit.Check("Invalid tag", "the name of a tag", checkTagName)),
			mapvalidator.ValueStringsAre(tfkit.Check("Invalid tag", "the value of a tag", checkTagValue)))
	}
	if m.def != nil {
		var pairs []string
		for _, name := range slices.Sorted(maps.Keys(m.def)) {
			pairs = append(pairs, fmt.Sprintf("`%s` = `%s`", name, m.def[name]))
		}
		a.MarkdownDescription += " Defaults to " + strings.Join(pairs, ", ") + "."
		a.Computed, a.Default = true, mapdefault.StaticValue(mapOf(m.def))
	}
	return a
}

func (tags) computed(about string) datasource.Attribute {
	return datasource.MapAttribute{MarkdownDescription: about, ElementType: types.StringType, Computed: true}
}

func (m tags) absent() any { return unlessEmpty(m.def) }

func (tags) decode(raw json.RawMessage) (any, error) {
	var all map[string]string
	err := json.Unmarshal(raw, &all)
	return unlessEmpty(all), err
}

func (tags) value(plain any) attr.Value {
	is, ok := plain.(map[string]string)
	if !ok {
		return types.MapNull(types.StringType)
	}
	return mapOf(is)
}

func (tags) plain(value attr.Value) any {
	is, _ := value.(types.Map)
	return stringMap(is)
}

func mapOf(plain map[string]string) types.Map {
	all := values{}
	for name, value := range plain {
		all[name] = types.StringValue(value)
	}
	return types.MapValueMust(types.StringType, all)
}

// stringMap returns a map of strings, empty for null.
func stringMap(value types.Map) map[string]string {
	all := map[string]string{}
	for name, one := range value.Elements() {
		if one, ok := one.(types.String); ok {
			all[name] = one.ValueString()
		}
	}
	return all
}

// number decodes a JSON number. Like the control plane, it accepts one in
// quotation marks.
func number(raw json.RawMessage) (float64, error) {
	near, err := strconv.ParseFloat(strings.Trim(string(raw), `"`), 64)
	if err != nil {
		return 0, fmt.Errorf("%s is not a number", raw)
	}
	return near, nil
}

// pointer returns nil for an absent value.
func pointer[T any](plain any) *T {
	is, ok := plain.(T)
	if !ok {
		return nil
	}
	return &is
}

// unlessZero returns nil for the zero value.
func unlessZero[T comparable](plain T) any {
	var zero T
	if plain == zero {
		return nil
	}
	return plain
}

// unlessEmpty returns nil for an empty map.
func unlessEmpty(plain map[string]string) any {
	if len(plain) == 0 {
		return nil
	}
	return plain
}
