package tfkit

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/kongmesh/terraform-provider-kongmesh/internal/kuma"
)

// labelPart is the control plane's rule for labels, that of Kubernetes (recordings
// of refused names and bodies of meshes).
var labelPart = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`)

func checkLabelName(name string) error {
	domain, part, found := strings.Cut(name, "/")
	if !found {
		domain, part = "", name
	}
	switch {
	case !labelPart.MatchString(part):
		return fmt.Errorf(`the name of a label has at most 63 letters, digits, "-", "_" and ".", and starts and ends with a letter or ` +
			"digit")
	case found && kuma.CheckName(domain, kuma.MaxSecretName) != nil:
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

// LabelName returns the rule for the name of a label that users set.
func LabelName() validator.String {
	return Check("Invalid label", "the name of a label", func(name string) error {
		if kuma.ReservedLabel(name) {
			return errors.New("labels with kuma.io belong to the control plane")
		}
		return checkLabelName(name)
	})
}

// AnyLabelName returns [LabelName] for an object on which users can also set
// labels with kuma.io, such as `kuma.io/effect` of a policy.
func AnyLabelName() validator.String {
	return Check("Invalid label", "the name of a label", checkLabelName)
}

// LabelValue returns the rule for the value of a label.
func LabelValue() validator.String {
	return Check("Invalid label", "the value of a label", checkLabelValue)
}

// LabelsAttribute returns the attribute `labels` of a resource that manages only
// the labels of users.
func LabelsAttribute(of string) schema.MapAttribute {
	return schema.MapAttribute{
		MarkdownDescription: "Labels of the " + of + ", without the labels that the control plane adds (`kuma.io/…`).",
		ElementType:         types.StringType,
		Optional:            true,
		Validators:          []validator.Map{NoNulls(), mapvalidator.KeysAre(LabelName()), mapvalidator.ValueStringsAre(LabelValue())},
	}
}
