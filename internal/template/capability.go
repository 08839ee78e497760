package template

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/template/document"
)

// The capabilities that a caller acknowledges, from "Acknowledging IAM resources in CloudFormation
// templates".
const (
	CapabilityIAM        = "CAPABILITY_IAM"
	CapabilityNamedIAM   = "CAPABILITY_NAMED_IAM"
	CapabilityAutoExpand = "CAPABILITY_AUTO_EXPAND"
)

// nameProperty maps the IAM types that need a capability to the property that names them, "" where there is
// none.
var nameProperty = map[string]string{
	"AWS::IAM::AccessKey": "", "AWS::IAM::Policy": "", "AWS::IAM::UserToGroupAddition": "",
	"AWS::IAM::GroupPolicy": "", "AWS::IAM::RolePolicy": "", "AWS::IAM::UserPolicy": "",
	"AWS::IAM::Group":           "GroupName",
	"AWS::IAM::InstanceProfile": "InstanceProfileName",
	"AWS::IAM::ManagedPolicy":   "ManagedPolicyName",
	"AWS::IAM::Role":            "RoleName",
	"AWS::IAM::User":            "UserName",
}

// Capabilities returns the capabilities that a template needs, and the reason as ValidateTemplate gives it.
// Declared transforms need CAPABILITY_AUTO_EXPAND, except AWS::LanguageExtensions, which makes nothing that
// the text does not show.
func (t *Template) Capabilities() (needed []string, reason string) {
	var types []string
	iam, named := false, false
	for _, r := range t.Resources {
		property, is := nameProperty[r.Type]
		if !is {
			continue
		}
		types = append(types, r.Type)
		iam = true
		named = named || property != "" && r.Properties.Has(property)
	}
	switch {
	case named:
		needed = append(needed, CapabilityNamedIAM)
	case iam:
		needed = append(needed, CapabilityIAM)
	}
	var transforms []string
	for _, name := range t.Transforms {
		if name != LanguageExtensions {
			transforms = append(transforms, name)
		}
	}
	if len(transforms) > 0 {
		needed = append(needed, CapabilityAutoExpand)
	}
	slices.Sort(types)
	all := append(slices.Compact(types), transforms...)
	if len(all) > 0 {
		reason = fmt.Sprintf("The following resource(s) require capabilities: [%s]", strings.Join(all, ", "))
	}
	return needed, reason
}

// RequireCapabilities refuses what was not acknowledged. CAPABILITY_NAMED_IAM includes CAPABILITY_IAM.
func RequireCapabilities(needed, given []string) error {
	var missing []string
	for _, capability := range needed {
		has := slices.Contains(given, capability)
		if capability == CapabilityIAM {
			has = has || slices.Contains(given, CapabilityNamedIAM)
		}
		if !has {
			missing = append(missing, capability)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return &Error{
		Code:    document.InsufficientCapabilities,
		Message: fmt.Sprintf("Requires capabilities : [%s]", strings.Join(missing, ", ")),
	}
}
