package mesh

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/part"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

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

// tagNames and tagValues return these rules.
func tagNames() validator.String {
	return tfkit.Check("Invalid tag", "the name of a tag", checkTagName)
}

func tagValues() validator.String {
	return tfkit.Check("Invalid tag", "the value of a tag", checkTagValue)
}

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
func checkTLS(conf part.Values) []part.Flaw {
	mode, ok := part.AttributesOf(conf["tls"])["mode"].(types.String)
	if !ok || !part.IsTrue(conf["skip_mtls"]) || mode.IsUnknown() {
		return nil
	}
	is := mode.ValueString()
	if mode.IsNull() {
		is = activeMTLSBackend
	}
	if is == disabledTLS {
		return nil
	}
	return []part.Flaw{{Attribute: "skip_mtls", Problem: fmt.Sprintf("skip_mtls = true means mode %q, but tls has mode %s. Remove skip_mtls", disabledTLS, tfkit.Quote(is))}}
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
		backends := part.AttributesOf(value)["backends"]
		chosen, ok := part.AttributesOf(value)[attribute].(types.String)
		if !ok || part.IsNull(chosen) || backends.IsUnknown() {
			continue
		}
		found := false
		for _, backend := range part.ElementsOf(backends) {
			name := part.AttributesOf(backend)["name"]
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
	diags.AddAttributeError(at, "Unknown backend", tfkit.WithPath(at, tfkit.Quote(name)+
		" is not the name of a backend in this section. Use the name of one of them."))
}
