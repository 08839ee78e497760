package sam

import (
	"strings"

	"github.com/sealtable/sealtable/internal/template/document"
)

// globalNames lists what the section Globals may hold, for each type, in the order in which refusals list it.
var globalNames = map[string]string{
	"Function": "Handler Runtime CodeUri DeadLetterQueue Description MemorySize Timeout VpcConfig " +
		"Environment Tags PropagateTags " +
		"Tracing KmsKeyArn AutoPublishAlias AutoPublishAliasAllProperties Layers DeploymentPreference " +
		"RolePath " +
		"PermissionsBoundary ReservedConcurrentExecutions ProvisionedConcurrencyConfig " +
		"AssumeRolePolicyDocument " +
		"EventInvokeConfig FileSystemConfigs CodeSigningConfigArn Architectures SnapStart " +
		"EphemeralStorage FunctionUrlConfig " +
		"RuntimeManagementConfig LoggingConfig RecursiveLoop SourceKMSKeyArn TenancyConfig DurableConfig " +
		"CapacityProviderConfig FunctionScalingConfig PublishToLatestPublished VersionDeletionPolicy",
	"SimpleTable":  "SSESpecification",
	"LayerVersion": "PublishLambdaVersion",
}

// unchecked are sections of Globals for types that are refused anyway.
var unchecked = []string{"Api", "CapacityProvider", "HttpApi", "StateMachine", "WebSocketApi"}

func badGlobals(format string, args ...string) error {
	message := format
	for _, arg := range args {
		message = strings.Replace(message, "%s", arg, 1)
	}
	return failure{message: "'Globals' section is invalid. " + message}
}

// readGlobals returns the properties that all resources of a type have, by type.
func readGlobals(n *node) (map[string]*node, error) {
	if n == nil {
		return nil, nil
	}
	if !n.Is(document.Map) {
		return nil, badGlobals("It must be a non-empty dictionary")
	}
	globals := map[string]*node{}
	for _, section := range n.Entries {
		if !section.Value.Is(document.Map) && globalNames[section.Key] != "" {
			return nil, badGlobals("Value of ${section} must be a dictionary")
		}
		if err := checkGlobals(section); err != nil {
			return nil, err
		}
		globals["AWS::Serverless::"+section.Key] = section.Value
	}
	return globals, nil
}

func checkGlobals(section entry) error {
	names, known := globalNames[section.Key]
	for _, other := range unchecked {
		if section.Key == other {
			return nil
		}
	}
	if !known {
		sections := []string{"Api", "CapacityProvider", "Function", "HttpApi", "LayerVersion", "SimpleTable",
			"StateMachine",
			"WebSocketApi"}
		return badGlobals("'%s' is not supported. Must be one of the following values - %s", section.Key,
			python(sections))
	}
	allowed := strings.Fields(names)
	for _, e := range section.Value.Entries {
		found := false
		for _, name := range allowed {
			found = found || name == e.Key
		}
		if !found {
			return badGlobals("'%s' is not a supported property of '%s'. Must be one of the following "+
				"values - %s", e.Key,
				section.Key, python(allowed))
		}
	}
	return nil
}

// mergeGlobals returns a resource with the properties of Globals that it does not ignore.
func mergeGlobals(s source, globals *node) (*node, error) {
	if globals == nil {
		return s.node, nil
	}
	switch ignored := given(s.node, "IgnoreGlobals"); {
	case !truthy(ignored):
	case ignored.Is(document.String) && ignored.Text == "*":
		return s.node, nil
	case ignored.Is(document.List):
		for _, item := range ignored.Items {
			if !globals.Has(item.Text) {
				return nil, invalid(s.id, "Resource %s has invalid resource attribute 'IgnoreGlobals' on "+
					"item '%s'.", s.id, item.Text)
			}
			globals = globals.Without(item.Text)
		}
	default:
		return nil, invalid(s.id, "Resource %s has invalid resource attribute 'IgnoreGlobals'.", s.id)
	}
	local := given(s.node, "Properties")
	if local == nil {
		local = &node{Kind: document.Map}
	}
	return s.node.With("Properties", merge(globals, local)), nil
}

// merge puts a resource's value over the global one: maps member by member, lists one after the other, all
// else replaced. A function is no map here.
func merge(global, local *node) *node {
	switch {
	case global.Is(document.Map) && local.Is(document.Map) && !isIntrinsic(global) && !isIntrinsic(local):
		out := global
		for _, e := range local.Entries {
			value := e.Value
			if other := global.Get(e.Key); other != nil {
				value = merge(other, value)
			}
			out = out.With(e.Key, value)
		}
		return out
	case global.Is(document.List) && local.Is(document.List):
		out := &node{Kind: document.List, Pos: local.Pos}
		out.Items = append(append(out.Items, global.Items...), local.Items...)
		return out
	}
	return local
}
