package mesh

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
	"github.com/kongmesh/terraform-provider-kongmesh/internal/tfkit"
)

// The control plane's rules for labels are those of Kubernetes (recording
// "mesh names and bodies that are refused").
var (
	labelPart   = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`)
	labelDomain = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
)

func checkLabelName(name string) error {
	domain, part, found := strings.Cut(name, "/")
	if !found {
		domain, part = "", name
	}
	switch {
	case kuma.ReservedLabel(name):
		return fmt.Errorf("labels with kuma.io belong to the control plane")
	case !labelPart.MatchString(part):
		return fmt.Errorf(`the name of a label has at most 63 letters, digits, "-", "_" and ".", and starts and ends with a letter or ` +
			"digit")
	case found && (!labelDomain.MatchString(domain) || len(domain) > 253):
		return fmt.Errorf(`the prefix before "/" must be a domain name in lowercase`)
	}
	return nil
}

func checkLabelValue(value string) error {
	if value != "" && !labelPart.MatchString(value) {
		return fmt.Errorf(`the value of a label has at most 63 letters, digits, "-", "_" and ".", and starts and ends with a letter or ` +
			"digit")
	}
	return nil
}

func labelName() validator.String {
	return tfkit.Check("Invalid label", "the name of a label", checkLabelName)
}

func labelValue() validator.String {
	return tfkit.Check("Invalid label", "the value of a label", checkLabelValue)
}
