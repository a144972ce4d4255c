package provider_test

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/provider"
)

// The type of each nested attribute of a resource is set: a plan makes them often.
func TestNested_types(t *testing.T) {
	t.Parallel()
	count := 0
	for _, create := range provider.New("test", provider.Options{})().Resources(t.Context()) {
		var named resource.MetadataResponse
		var shaped resource.SchemaResponse
		r := create()
		r.Metadata(t.Context(), resource.MetadataRequest{ProviderTypeName: "kongmesh"}, &named)
		r.Schema(t.Context(), resource.SchemaRequest{}, &shaped)
		count += checkNested(t, named.TypeName, shaped.Schema.Attributes)
	}
	if count == 0 {
		t.Error("there are no nested attributes")
	}
}

func checkNested(t *testing.T, at string, attributes map[string]schema.Attribute) (count int) {
	t.Helper()
	for name, attribute := range attributes {
		name = at + "." + name
		switch a := attribute.(type) {
		case schema.SingleNestedAttribute:
			count += 1 + checkNested(t, name, a.Attributes)
			if a.CustomType == nil {
				t.Errorf("%s has no type: use tfkit.SingleNested", name)
			}
		case schema.ListNestedAttribute:
			count += 1 + checkNested(t, name, a.NestedObject.Attributes)
			if a.CustomType == nil || a.NestedObject.CustomType == nil {
				t.Errorf("%s has no type: use tfkit.ListNested", name)
			}
		case schema.NestedAttribute:
			t.Errorf("%s is a %T, which is not checked", name, a)
		}
	}
	return count
}
