package part

import (
	"bytes"
	"encoding/json"
	"errors"
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
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// A leaf is the kind of a part without parts. Its scalar defines the type.
type leaf struct {
	scalar
	of Kind
}

// A scalar converts between a member of a document, an attribute, and a Go
// value with the same meaning. The Go value nil means that there is none.
type scalar interface {
	attrType() attr.Type
	attribute(p Part) schema.Attribute
	// absent returns the meaning of an absent member. A value that means the
	// same as the current one is never written.
	absent() any
	// decode returns nil for a value that means the same as an absent member.
	decode(raw json.RawMessage) (any, error)
	// value and plain convert to the value of an attribute, and from it. The value of
	// nil is null.
	value(plain any) attr.Value
	plain(value attr.Value) any
}

// An equivalent scalar has several Go values with one meaning.
type equivalent interface{ same(a, b any) bool }

func (l leaf) computed(about string) datasource.Attribute { return tfkit.Computed(l.attrType(), about) }

func (l leaf) forDataSource() Kind { return l.of }

func (l leaf) null() attr.Value { return l.value(nil) }

func (l leaf) read(document *kuma.Document, member string, prior attr.Value) (attr.Value, error) {
	now, err := l.in(document, member)
	if err == nil && !l.isSensitive() && hasPrivateKey(now) {
		return l.null(), nil
	}
	if err == nil && !IsNull(prior) && l.same(l.plain(prior), now) {
		return prior, nil
	}
	return l.value(now), err
}

// isSensitive reports whether the attribute may have a private key. Any other
// attribute is null instead, because plans show it.
func (l leaf) isSensitive() bool {
	text, ok := l.of.(Text)
	return ok && text.Sensitive
}

// hasPrivateKey reports whether a value contains a private key.
func hasPrivateKey(plain any) bool {
	switch plain := plain.(type) {
	case string:
		return tfkit.HasPrivateKey(plain)
	case map[string]string:
		return slices.ContainsFunc(slices.Collect(maps.Values(plain)), tfkit.HasPrivateKey)
	case json.RawMessage:
		var decoded any
		return json.Unmarshal(plain, &decoded) == nil && hasPrivateKey(decoded)
	case []any:
		return slices.ContainsFunc(plain, hasPrivateKey)
	case map[string]any:
		return slices.ContainsFunc(slices.Collect(maps.Values(plain)), hasPrivateKey)
	}
	return false
}

// same reports whether b means the same as a, which is there now.
func (l leaf) same(a, b any) bool {
	if other, ok := l.scalar.(equivalent); ok {
		return other.same(a, b)
	}
	return reflect.DeepEqual(a, b)
}

func (l leaf) edit(document *kuma.Document, member string, value attr.Value) error {
	now, err := l.in(document, member)
	if err != nil {
		return err
	}
	wanted := l.absent()
	if !IsNull(value) {
		wanted = l.plain(value)
	}
	switch {
	case l.same(now, wanted):
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

// A Text is a string that is not empty, or one of a few values, which a
// document may also have as their numbers.
type Text struct {
	// Default is the value of an absent member, or "" for none.
	Default string
	// Values are the allowed values, if there are few.
	Values []string
	// Check finds the problem with a value.
	Check func(string) error
	// Rule replaces the rule that the other fields define.
	Rule validator.String
	// Same reports whether two strings mean the same, for a value with several
	// forms, such as a duration.
	Same tfkit.Equivalence
	// Sensitive hides the value. A data source does not have it. A value with a
	// private key that is not sensitive is read as null.
	Sensitive bool
}

func (s Text) kind() kind { return leaf{s, s} }

func (Text) attrType() attr.Type { return types.StringType }

func (s Text) attribute(p Part) schema.Attribute {
	a := schema.StringAttribute{
		MarkdownDescription: p.Description, Required: p.Required, Optional: !p.Required, Sensitive: s.Sensitive, Validators: s.validators(),
	}
	if s.Same != nil {
		a.PlanModifiers = []planmodifier.String{tfkit.KeepEquivalent(s.Same)}
	}
	if s.Default != "" {
		a.MarkdownDescription += fmt.Sprintf(" Defaults to `%s`.", s.Default)
		a.Computed, a.Default = true, stringdefault.StaticString(s.Default)
	}
	return a
}

func (s Text) validators() []validator.String {
	switch {
	case s.Rule != nil:
		return []validator.String{s.Rule}
	case s.Values != nil:
		return []validator.String{tfkit.OneOf(s.Values...)}
	case s.Check != nil:
		return []validator.String{tfkit.Check("Invalid value", "a value that the control plane accepts", s.Check)}
	default:
		return []validator.String{tfkit.Text()}
	}
}

func (s Text) same(a, b any) bool {
	x, isX := a.(string)
	y, isY := b.(string)
	return reflect.DeepEqual(a, b) || s.Same != nil && isX && isY && s.Same(x, y)
}

func (s Text) absent() any { return unlessZero(s.Default) }

func (s Text) decode(raw json.RawMessage) (any, error) {
	if position, err := strconv.Atoi(string(raw)); err == nil && position >= 0 && position < len(s.Values) {
		return s.Values[position], nil
	}
	var is string
	err := json.Unmarshal(raw, &is)
	return unlessZero(is), err
}

func (Text) value(plain any) attr.Value { return types.StringPointerValue(pointer[string](plain)) }

func (Text) plain(value attr.Value) any {
	is, _ := value.(types.String)
	return is.ValueString()
}

// A Boolean always has a default.
type Boolean struct{ Default bool }

func (b Boolean) kind() kind { return leaf{b, b} }

func (Boolean) attrType() attr.Type { return types.BoolType }

func (b Boolean) attribute(p Part) schema.Attribute {
	return schema.BoolAttribute{
		MarkdownDescription: fmt.Sprintf("%s Defaults to `%t`.", p.Description, b.Default),
		Optional:            true, Computed: true, Default: booldefault.StaticBool(b.Default),
	}
}

func (b Boolean) absent() any { return b.Default }

func (Boolean) decode(raw json.RawMessage) (any, error) {
	var is bool
	err := json.Unmarshal(raw, &is)
	return is, err
}

func (Boolean) value(plain any) attr.Value { return types.BoolPointerValue(pointer[bool](plain)) }

func (Boolean) plain(value attr.Value) any {
	is, _ := value.(types.Bool)
	return is.ValueBool()
}

// A Port is a whole number. A default of 0 means none.
type Port struct{ Default int64 }

func (n Port) kind() kind { return leaf{n, n} }

func (Port) attrType() attr.Type { return types.Int64Type }

func (n Port) attribute(p Part) schema.Attribute {
	a := schema.Int64Attribute{
		MarkdownDescription: p.Description, Required: p.Required, Optional: !p.Required,
		Validators: []validator.Int64{int64validator.Between(1, 65535)},
	}
	if n.Default != 0 {
		a.MarkdownDescription += fmt.Sprintf(" Defaults to `%d`.", n.Default)
		a.Computed, a.Default = true, int64default.StaticInt64(n.Default)
	}
	return a
}

func (n Port) absent() any { return unlessZero(n.Default) }

func (Port) decode(raw json.RawMessage) (any, error) {
	near, err := number(raw)
	if err == nil && float64(int64(near)) != near {
		err = fmt.Errorf("%s is not a whole number", raw)
	}
	return unlessZero(int64(near)), err
}

func (Port) value(plain any) attr.Value { return types.Int64PointerValue(pointer[int64](plain)) }

func (Port) plain(value attr.Value) any {
	is, _ := value.(types.Int64)
	return is.ValueInt64()
}

// A Percent is a number from 0 to 100, which always has a default.
type Percent struct{ Default float64 }

func (n Percent) kind() kind { return leaf{n, n} }

func (Percent) attrType() attr.Type { return types.Float64Type }

func (n Percent) attribute(p Part) schema.Attribute {
	return schema.Float64Attribute{
		MarkdownDescription: fmt.Sprintf("%s Defaults to `%v`.", p.Description, n.Default),
		Optional:            true, Computed: true, Default: float64default.StaticFloat64(n.Default),
		Validators: []validator.Float64{float64validator.Between(0, 100)},
	}
}

func (n Percent) absent() any { return n.Default }

func (Percent) decode(raw json.RawMessage) (any, error) { return number(raw) }

func (Percent) value(plain any) attr.Value {
	return types.Float64PointerValue(pointer[float64](plain))
}

func (Percent) plain(value attr.Value) any {
	is, _ := value.(types.Float64)
	return is.ValueFloat64()
}

// A Map has strings by name.
type Map struct {
	Default map[string]string
	// Key and Value are the rules for names and values, or nil for none.
	Key, Value validator.String
	// Empty allows an empty map, which is not null.
	Empty bool
}

func (m Map) kind() kind { return leaf{m, m} }

func (Map) attrType() attr.Type { return types.MapType{ElemType: types.StringType} }

func (m Map) attribute(p Part) schema.Attribute {
	a := schema.MapAttribute{
		MarkdownDescription: p.Description, ElementType: types.StringType, Required: p.Required, Optional: !p.Required,
		Validators: []validator.Map{tfkit.NoNulls()},
	}
	if !m.Empty {
		a.Validators = append(a.Validators, mapvalidator.SizeAtLeast(1))
	}
	if m.Key != nil {
		a.Validators = append(a.Validators, mapvalidator.KeysAre(m.Key))
	}
	if m.Value != nil {
		a.Validators = append(a.Validators, mapvalidator.ValueStringsAre(m.Value))
	}
	if m.Default != nil {
		var pairs []string
		for _, name := range slices.Sorted(maps.Keys(m.Default)) {
			pairs = append(pairs, fmt.Sprintf("`%s` = `%s`", name, m.Default[name]))
		}
		a.MarkdownDescription += " Defaults to " + strings.Join(pairs, ", ") + "."
		a.Computed, a.Default = true, mapdefault.StaticValue(mapOf(m.Default))
	}
	return a
}

func (m Map) absent() any { return unlessEmpty(m.Default) }

func (m Map) decode(raw json.RawMessage) (any, error) {
	var all map[string]string
	err := json.Unmarshal(raw, &all)
	if m.Empty {
		return all, err
	}
	return unlessEmpty(all), err
}

func (Map) value(plain any) attr.Value {
	is, ok := plain.(map[string]string)
	if !ok {
		return types.MapNull(types.StringType)
	}
	return mapOf(is)
}

func (Map) plain(value attr.Value) any {
	return StringMap(value)
}

// JSON is any value, as a string of JSON.
type JSON struct{}

func (j JSON) kind() kind { return leaf{j, j} }

func (JSON) attrType() attr.Type { return types.StringType }

func (j JSON) attribute(p Part) schema.Attribute {
	return schema.StringAttribute{
		MarkdownDescription: p.Description, Required: p.Required, Optional: !p.Required,
		Validators: []validator.String{tfkit.Check("Invalid value", "JSON", func(text string) error {
			if !json.Valid([]byte(text)) {
				return errors.New("it is not JSON: use jsonencode()")
			}
			return nil
		})},
		PlanModifiers: []planmodifier.String{tfkit.KeepEquivalent(func(a, b string) bool { return j.same(json.RawMessage(a), json.RawMessage(b)) })},
	}
}

func (JSON) absent() any { return nil }

func (JSON) decode(raw json.RawMessage) (any, error) { return raw, nil }

func (JSON) value(plain any) attr.Value {
	raw, ok := plain.(json.RawMessage)
	var compact bytes.Buffer
	if !ok || json.Compact(&compact, raw) != nil {
		return types.StringNull()
	}
	return types.StringValue(compact.String())
}

func (JSON) plain(value attr.Value) any {
	is, _ := value.(types.String)
	return json.RawMessage(is.ValueString())
}

func (JSON) same(a, b any) bool {
	x, _ := a.(json.RawMessage)
	y, _ := b.(json.RawMessage)
	var left, right any
	return json.Unmarshal(x, &left) == nil && json.Unmarshal(y, &right) == nil && reflect.DeepEqual(left, right)
}

func mapOf(plain map[string]string) types.Map {
	all := Values{}
	for name, value := range plain {
		all[name] = types.StringValue(value)
	}
	return types.MapValueMust(types.StringType, all)
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
