package mesh

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// A flaw is a problem with an attribute of an object.
type flaw struct{ attribute, problem string }

func checkHostPort(address string) error {
	if host, port, err := net.SplitHostPort(address); err != nil || host == "" || port == "" {
		return errors.New("it must have the form host:port")
	}
	return nil
}

func checkURLWithPort(text string) error {
	switch address, err := url.ParseRequestURI(text); {
	case err != nil:
		return errors.New("it is not a URL")
	case address.Port() == "":
		return errors.New("the URL must contain the port")
	}
	return nil
}

func checkRegexp(text string) error {
	if text == "" {
		return errors.New("it is empty")
	}
	_, err := regexp.Compile(text)
	return err
}

// The rules for the tags of a selector (kuma's validators.go).
var (
	tagName  = regexp.MustCompile(`^[a-zA-Z0-9.\-_:/]+$`)
	tagValue = regexp.MustCompile(`^([a-zA-Z0-9.\-_:/]+|\*)$`)
)

func checkTagName(name string) error {
	if !tagName.MatchString(name) {
		return errors.New(`the name of a tag contains letters, digits, ".", "-", "_", ":" and "/", and is not empty`)
	}
	return nil
}

func checkTagValue(value string) error {
	if !tagValue.MatchString(value) {
		return errors.New(`the value of a tag contains letters, digits, ".", "-", "_", ":" and "/", or is "*"`)
	}
	return nil
}

// checkTLS rejects a TLS mode that contradicts skip_mtls. Only true does: false
// is the default, which an import has with each mode.
func checkTLS(conf values) []flaw {
	skip, _ := conf["skip_mtls"].(types.Bool)
	mode, ok := attributesOf(conf["tls"])["mode"].(types.String)
	if !ok || !skip.ValueBool() || mode.IsUnknown() {
		return nil
	}
	is := mode.ValueString()
	if mode.IsNull() {
		is = activeMTLSBackend
	}
	if is == disabledTLS {
		return nil
	}
	return []flaw{{"skip_mtls", fmt.Sprintf("skip_mtls = true means mode %q, but tls has mode %s. Remove skip_mtls", disabledTLS, tfkit.Quote(is))}}
}

// contradictions validates an object by itself.
type contradictions struct{ check func(values) []flaw }

func (contradictions) Description(context.Context) string {
	return "attributes that do not conflict"
}
func (c contradictions) MarkdownDescription(ctx context.Context) string { return c.Description(ctx) }

func (c contradictions) ValidateObject(_ context.Context, req validator.ObjectRequest, resp *validator.ObjectResponse) {
	for _, flaw := range c.check(attributesOf(req.ConfigValue)) {
		at := req.Path.AtName(flaw.attribute)
		resp.Diagnostics.AddAttributeError(at, "Contradiction", tfkit.Named(at, flaw.problem+"."))
	}
}

// uniqueItems validates a list: names are unique, and each backend has one type.
type uniqueItems struct {
	key   string
	types []string
}

func (uniqueItems) Description(context.Context) string {
	return "unique names, and one type for each backend"
}
func (l uniqueItems) MarkdownDescription(c context.Context) string { return l.Description(c) }

func (l uniqueItems) ValidateList(_ context.Context, req validator.ListRequest, resp *validator.ListResponse) {
	seen := map[string]bool{}
	for i, item := range elementsOf(req.ConfigValue) {
		at := req.Path.AtListIndex(i)
		inner := attributesOf(item)
		if l.types != nil && !isNull(item) {
			checkOneType(&resp.Diagnostics, at, l.types, inner)
		}
		name, ok := inner[l.key].(types.String)
		if !ok || isNull(name) {
			continue
		}
		if seen[name.ValueString()] {
			at = at.AtName(l.key)
			resp.Diagnostics.AddAttributeError(at, "Duplicate name", tfkit.Named(at, fmt.Sprintf("Another element of this list has the name %s. Use a unique name.", tfkit.Quote(name.ValueString()))))
		}
		seen[name.ValueString()] = true
	}
}

func checkOneType(diags *diag.Diagnostics, at path.Path, all []string, inner values) {
	var has []string
	for _, name := range all {
		switch value := inner[name]; {
		case value == nil || value.IsUnknown():
			return // validated once it is known
		case !value.IsNull():
			has = append(has, name)
		}
	}
	wanted := "exactly one of " + strings.Join(all, ", ")
	if len(all) == 1 {
		wanted = all[0]
	}
	if len(has) == 0 {
		diags.AddAttributeError(at, "Backend type is missing", tfkit.Named(at, "The backend must have "+wanted+", which defines its type."))
	}
	if len(has) > 1 {
		diags.AddAttributeError(at, "Several backend types", tfkit.Named(at, fmt.Sprintf("The backend has %s. It must have %s, which defines its type.", strings.Join(has, " and "), wanted)))
	}
}

// choices returns the attributes that refer to one of a section's backends.
func choices() map[string]string {
	return map[string]string{"logging": "default_backend", "tracing": "default_backend", "metrics": "enabled_backend"}
}

// missingChoices returns the names that sections refer to, and that are not
// among the backends in the plan.
func missingChoices(m model) map[string]string {
	missing := map[string]string{}
	for section, attribute := range choices() {
		value := *m.sections()[section]
		backends := attributesOf(value)["backends"]
		chosen, ok := attributesOf(value)[attribute].(types.String)
		if !ok || isNull(chosen) || backends.IsUnknown() {
			continue
		}
		found := false
		for _, backend := range elementsOf(backends) {
			name := attributesOf(backend)["name"]
			found = found || backend.IsUnknown() || name.IsUnknown() || name.Equal(chosen)
		}
		if !found {
			missing[section] = chosen.ValueString()
		}
	}
	return missing
}

func addMissingChoice(diags *diag.Diagnostics, section, name string) {
	at := path.Root(section).AtName(choices()[section])
	diags.AddAttributeError(at, "Unknown backend", tfkit.Named(at, tfkit.Quote(name)+
		" is not the name of a backend in this section. Use the name of one of them."))
}
