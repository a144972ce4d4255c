package tfkit_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

func TestFieldSteps(t *testing.T) {
	for field, want := range map[string]string{
		"":                        "",
		"name":                    "member name",
		`spec.to[0].default.http`: "member spec, member to, index 0, member default, member http",
		`labels["a.b/c"]`:         "member labels, key a.b/c",
		`inbound[12].tags["x"]`:   "member inbound, index 12, member tags, key x",
	} {
		var got []string
		for steps := tfkit.NewFieldSteps(field); len(steps) > 0; steps = steps[1:] {
			index, isIndex := steps.Index()
			switch {
			case isIndex:
				got = append(got, fmt.Sprint("index ", index))
			case steps.Key() != "":
				got = append(got, "key "+steps.Key())
			default:
				got = append(got, "member "+steps.Member())
			}
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s: %s", field, got)
		}
	}
}
