package resource

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"reflect"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/pki"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// jsonOf returns a value of a configuration as encoding/json has it, with
// json.Number for numbers and without null members. known is false if a part is
// unknown.
func jsonOf(value attr.Value) (decoded any, known bool) {
	if value.IsUnknown() {
		return nil, false
	}
	if value.IsNull() {
		return nil, true
	}
	switch v := value.(type) {
	case types.Dynamic:
		return jsonOf(v.UnderlyingValue())
	case types.String:
		return v.ValueString(), true
	case types.Bool:
		return v.ValueBool(), true
	case types.Number:
		return numberOf(v.ValueBigFloat()), true
	case types.Object:
		return jsonMembers(v.Attributes())
	case types.Map:
		return jsonMembers(v.Elements())
	case interface{ Elements() []attr.Value }: // a list, set or tuple
		items, known := []any{}, true
		for _, element := range v.Elements() {
			item, ok := jsonOf(element)
			items, known = append(items, item), known && ok
		}
		return items, known
	default:
		return nil, true
	}
}

func jsonMembers(values map[string]attr.Value) (decoded any, known bool) {
	members, known := map[string]any{}, true
	for name, value := range values {
		member, ok := jsonOf(value)
		known = known && ok
		if member != nil {
			members[name] = member
		}
	}
	return members, known
}

func numberOf(number *big.Float) json.Number {
	if number.IsInt() {
		return json.Number(number.Text('f', 0))
	}
	return json.Number(number.Text('g', -1))
}

// decodeJSON decodes JSON, and keeps the spelling of numbers.
func decodeJSON(text []byte) (decoded any, err error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	err = decoder.Decode(&decoded)
	return decoded, err
}

// valueOf is the opposite of [jsonOf].
func valueOf(ctx context.Context, decoded any) attr.Value {
	switch v := decoded.(type) {
	case string:
		return types.StringValue(v)
	case bool:
		return types.BoolValue(v)
	case json.Number:
		if number, ok := parseNumber(v.String()); ok {
			return types.NumberValue(number)
		}
		return types.StringValue(v.String())
	case map[string]any:
		members := map[string]attr.Value{}
		for name, member := range v {
			if member != nil {
				members[name] = valueOf(ctx, member)
			}
		}
		return object(ctx, members)
	case []any:
		items := make([]attr.Value, len(v))
		for i := range v {
			items[i] = valueOf(ctx, v[i])
		}
		return tuple(ctx, items)
	default:
		return types.StringNull()
	}
}

func object(ctx context.Context, members map[string]attr.Value) attr.Value {
	kinds := make(map[string]attr.Type, len(members))
	for name, member := range members {
		kinds[name] = member.Type(ctx)
	}
	return types.ObjectValueMust(kinds, members)
}

func tuple(ctx context.Context, items []attr.Value) attr.Value {
	kinds := make([]attr.Type, len(items))
	for i, item := range items {
		kinds[i] = item.Type(ctx)
	}
	return types.TupleValueMust(kinds, items)
}

// precision is that of numbers in Terraform, in bits.
const precision = 512

func parseNumber(text string) (number *big.Float, ok bool) {
	number, _, err := big.ParseFloat(text, 10, precision, big.ToNearestEven)
	return number, err == nil && !number.IsInf()
}

// sameScalar reports whether two values that are not objects or lists mean the
// same: durations and numbers by value, even if a number is a string on one
// side.
func sameScalar(a, b any) bool {
	if reflect.DeepEqual(a, b) {
		return true
	}
	x, xIsText := a.(string)
	y, yIsText := b.(string)
	if xIsText && yIsText {
		return tfkit.SameDuration(x, y)
	}
	m, mOK := numeric(a)
	n, nOK := numeric(b)
	return mOK && nOK && m.Cmp(n) == 0
}

func numeric(v any) (number *big.Float, ok bool) {
	switch v := v.(type) {
	case json.Number:
		return parseNumber(v.String())
	case string:
		return parseNumber(v)
	}
	return nil, false
}

// says reports whether an absent value has a meaning: an empty list or object
// means the same as none, and so does, in the documents of old types (proto3
// JSON), the zero value of a field.
func says(v any, old bool) bool {
	switch v := v.(type) {
	case map[string]any:
		return slices.ContainsFunc(slices.Collect(maps.Values(v)), func(member any) bool { return says(member, old) })
	case []any:
		return len(v) > 0
	case bool:
		return v || !old
	case string:
		return v != "" || !old
	case json.Number:
		number, ok := parseNumber(v.String())
		return !old || !ok || number.Sign() != 0
	}
	return v != nil
}

// A difference is a sent part of a document that was not stored, or with
// another value.
type difference struct {
	path      string // in the control plane's form: spec.to[0].default
	sent, has any    // has is nil for a dropped part
}

// differences returns the parts of a sent document that the answer does not
// have, or has with another value. Additional parts of the answer are not
// differences.
func differences(path string, sent, has any, old bool) []difference {
	switch s := sent.(type) {
	case map[string]any:
		if h, ok := has.(map[string]any); ok {
			var found []difference
			for _, name := range slices.Sorted(maps.Keys(s)) {
				found = append(found, differences(member(path, name), s[name], h[name], old)...)
			}
			return found
		}
	case []any:
		if h, ok := has.([]any); ok && len(h) == len(s) {
			var found []difference
			for i := range s {
				found = append(found, differences(fmt.Sprintf("%s[%d]", path, i), s[i], h[i], old)...)
			}
			return found
		}
	default:
		if sameScalar(sent, has) {
			return nil
		}
	}
	if has == nil && !says(sent, old) {
		return nil
	}
	return []difference{{path, sent, has}}
}

// member returns the path of a member of an object.
func member(path, name string) string {
	if strings.ContainsAny(name, `.[]"/`) {
		return fmt.Sprintf("%s[%q]", path, name)
	}
	return path + "." + name
}

// reconcile returns the value for a state: the prior value if the document
// means the same, otherwise the value in the document. It omits additional
// parts of the document.
func reconcile(ctx context.Context, prior attr.Value, has any, old bool) attr.Value {
	if dynamic, ok := prior.(types.Dynamic); ok && !dynamic.IsNull() {
		return types.DynamicValue(reconcile(ctx, dynamic.UnderlyingValue(), has, old))
	}
	sent, _ := jsonOf(prior)
	if len(differences("", sent, has, old)) == 0 {
		return prior
	}
	switch h := has.(type) {
	case map[string]any:
		if before, ok := membersOf(prior); ok {
			now := map[string]attr.Value{}
			for name, value := range before {
				if sent, _ := jsonOf(value); h[name] != nil || sent == nil || !says(sent, old) {
					now[name] = reconcile(ctx, value, h[name], old)
				}
			}
			return object(ctx, now)
		}
	case []any:
		if before, ok := prior.(interface{ Elements() []attr.Value }); ok && len(before.Elements()) == len(h) {
			now := make([]attr.Value, len(h))
			for i, value := range before.Elements() {
				now[i] = reconcile(ctx, value, h[i], old)
			}
			return tuple(ctx, now)
		}
	}
	return valueOf(ctx, has)
}

func membersOf(value attr.Value) (members map[string]attr.Value, ok bool) {
	switch v := value.(type) {
	case types.Object:
		return v.Attributes(), true
	case types.Map:
		return v.Elements(), true
	}
	return nil, false
}

// defaults returns what control planes add to items of a document, by the name
// of the member (recordings of policies; the markers `+kubebuilder:default` of
// Kuma 2.7, 2.14 and 3.0). An import omits them, so that a configuration does
// not need them.
func defaults() map[string]any {
	return map[string]any{
		"allowRenegotiation": false,
		"apiVersion":         "httpJson",
		"appProtocol":        "tcp",
		"endpoint":           "",
		"omitEmptyValues":    false,
		"sharedSpanContext":  true,
		"splitService":       false,
		"traceId128bit":      false,
		"updateFrequency":    json.Number("2"),
		"weight":             json.Number("1"),
	}
}

// withoutDefaults returns a document without what the control plane adds. zone
// is the zone that it adds to the tags of a proxy, or "".
func withoutDefaults(decoded any, zone string) any {
	added := defaults()
	if zone != "" {
		added["kuma.io/zone"] = zone
	}
	return filtered(decoded, func(name string, value any) bool {
		by, is := added[name]
		return value != nil && (!is || !sameScalar(by, value))
	})
}

// filtered returns a document with the members that keep selects, also those of
// objects in it.
func filtered(decoded any, keep func(name string, value any) bool) any {
	switch v := decoded.(type) {
	case map[string]any:
		members := map[string]any{}
		for name, value := range v {
			if keep(name, value) {
				members[name] = filtered(value, keep)
			}
		}
		return members
	case []any:
		items := make([]any, len(v))
		for i := range v {
			items[i] = filtered(v[i], keep)
		}
		return items
	}
	return decoded
}

// sameDocument reports whether two documents mean the same to the control
// plane.
func sameDocument(a, b any, zone string, old bool) bool {
	a, b = withoutDefaults(a, zone), withoutDefaults(b, zone)
	return len(differences("", a, b, old)) == 0 && len(differences("", b, a, old)) == 0
}

// privateKey returns the path of the first private key in a document, without a
// name that may be a key itself.
func privateKey(at string, decoded any) (where string, found bool) {
	switch v := decoded.(type) {
	case string:
		return at, pki.HasPrivateKey(v)
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			inside := member(at, name)
			if pki.MayHoldKey(name) {
				inside = at
			}
			if where, found = privateKey(inside, v[name]); found || pki.HasPrivateKey(name) {
				return cmp.Or(where, inside), true
			}
		}
	case []any:
		for i := range v {
			if where, found = privateKey(fmt.Sprintf("%s[%d]", at, i), v[i]); found {
				return where, true
			}
		}
	}
	return "", false
}

// withoutKeys returns a document without private keys, which are not stored in
// the state.
func withoutKeys(decoded any) any {
	switch v := decoded.(type) {
	case string:
		if pki.HasPrivateKey(v) {
			return nil
		}
	case map[string]any:
		members := map[string]any{}
		for name, value := range v {
			if kept := withoutKeys(value); (kept != nil || value == nil) && !pki.HasPrivateKey(name) {
				members[name] = kept
			}
		}
		return members
	case []any:
		items := make([]any, len(v))
		for i := range v {
			items[i] = withoutKeys(v[i])
		}
		return items
	}
	return decoded
}
