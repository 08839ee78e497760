package sam

import (
	"slices"

	"github.com/sealtable/sealtable/internal/template/document"
)

const (
	deployApplication = "ServerlessDeploymentApplication"
	deployRole        = "CodeDeployServiceRole"
	deployCondition   = "ServerlessCodeDeployCondition"
)

// A deployment is the DeploymentPreference of a function.
type deployment struct {
	function    string
	preference  *node
	condition   string
	enabled     bool
	tags        *node // nil unless they are to be propagated
	alarmConfig *node
	pos         document.Position
}

// predefined are CodeDeploy's own ways of moving traffic.
var predefined = []string{
	"Canary10Percent5Minutes", "Canary10Percent10Minutes", "Canary10Percent15Minutes",
	"Canary10Percent30Minutes",
	"Linear10PercentEvery1Minute", "Linear10PercentEvery2Minutes", "Linear10PercentEvery3Minutes",
	"Linear10PercentEvery10Minutes", "AllAtOnce",
}

// deploy notes that the function is deployed by CodeDeploy.
func (f *lambda) deploy() error {
	preference := f.get("DeploymentPreference")
	if !truthy(preference) {
		return nil
	}
	for _, name := range []string{"Enabled", "Type"} {
		if value := preference.Get(name); value != nil {
			found, err := f.resolveInMappings(f.resolve(value))
			if err != nil {
				return err
			}
			preference = preference.With(name, found)
		}
	}
	passes, err := f.passesCondition(preference)
	if err != nil {
		return err
	}
	d := deployment{function: f.id, preference: preference, enabled: isEnabled(preference.Get("Enabled")),
		pos: f.pos}
	if condition := attribute(f.passed, "Condition"); d.enabled && passes && condition != nil {
		d.condition = condition.Text
	}
	if d.enabled && truthy(f.get("PropagateTags")) && truthy(f.get("Tags")) {
		d.tags = f.get("Tags")
	}
	if d.enabled {
		if err := f.checkDeployment(preference); err != nil {
			return err
		}
		f.deployments = append(f.deployments, d)
		if f.alias == nil {
			return invalid(f.id, "'DeploymentPreference' requires AutoPublishAlias property to be specified.")
		}
		if _, err := d.alarms(given(preference, "Alarms")); err != nil {
			return err
		}
		f.alias.attributes = with(f.alias.attributes, "UpdatePolicy", updatePolicy(f.id, preference))
	}
	return nil
}

func isEnabled(n *node) bool {
	if n == nil {
		return true
	}
	return truthy(n) && n.Text != "false" && n.Text != "False"
}

func (f *lambda) passesCondition(preference *node) (bool, error) {
	value := preference.Get("PassthroughCondition")
	if value == nil {
		return false, nil
	}
	value, err := f.resolveInMappings(f.resolve(value))
	switch {
	case err != nil:
		return false, err
	case value.IsScalar() && (value.Text == "true" || value.Text == "True"):
		return true, nil
	case value.IsScalar() && (value.Text == "false" || value.Text == "False"):
		return false, nil
	case isIntrinsic(value):
		return false, invalid(f.id, "Unsupported intrinsic: the only intrinsic functions supported for "+
			"property "+
			"PassthroughCondition are FindInMap and parameter Refs.")
	}
	return false, invalid(f.id, "Invalid value for property PassthroughCondition.")
}

func (f *lambda) checkDeployment(preference *node) error {
	switch {
	case !preference.Has("Type"):
		return invalid(f.id, "'DeploymentPreference' is missing required Property 'Type'")
	case preference.Has("Hooks") && !preference.Get("Hooks").Is(document.Map):
		return invalid(f.id, "'Hooks' property of 'DeploymentPreference' must be a dictionary")
	}
	return nil
}

func updatePolicy(id string, preference *node) *node {
	hooks := preference.Get("Hooks")
	return document.NewMap("CodeDeployLambdaAliasUpdate", document.NewMap("ApplicationName",
		ref(deployApplication),
		"DeploymentGroupName", ref(id+"DeploymentGroup"), "BeforeAllowTrafficHook", given(hooks,
			"PreTraffic"),
		"AfterAllowTrafficHook", given(hooks, "PostTraffic")))
}

// finishDeployments makes what all deployments share, and the group of each.
func (t *translation) finishDeployments() {
	if !slices.ContainsFunc(t.deployments, func(d deployment) bool { return d.enabled }) {
		return
	}
	attributes := t.deployCondition()
	tags := t.deployTags()
	t.put(deployApplication, made{typ: "AWS::CodeDeploy::Application", attributes: attributes,
		properties: document.NewMap("ComputePlatform", "Lambda", "Tags", tags)}.node())
	if slices.ContainsFunc(t.deployments, func(d deployment) bool {
		return d.enabled &&
			!truthy(d.preference.Get("Role"))
	}) {
		t.put(deployRole, made{typ: "AWS::IAM::Role", attributes: attributes, properties: document.NewMap(
			"AssumeRolePolicyDocument", trust("codedeploy.amazonaws.com"),
			"ManagedPolicyArns", []string{t.awsPolicy("service-role/AWSCodeDeployRoleForLambda")}, "Tags",
			tags)}.node())
	}
	for _, d := range t.deployments {
		if !d.enabled {
			continue
		}
		var err error
		if d.alarmConfig, err = d.alarms(given(d.preference, "Alarms")); err != nil {
			t.fail(err, d.pos)
			continue
		}
		t.put(d.function+"DeploymentGroup", d.group().node())
	}
}

// deployCondition returns the condition of what deployments share: only if each of them has one.
func (t *translation) deployCondition() []entry {
	var conditions []string
	for _, d := range t.deployments {
		if d.enabled && d.condition == "" {
			return nil
		}
		if d.enabled && !slices.Contains(conditions, d.condition) {
			conditions = append(conditions, d.condition)
		}
	}
	name := conditions[0]
	if len(conditions) > 1 {
		name = deployCondition
		slices.Sort(conditions)
		all := &node{Kind: document.List}
		for _, c := range conditions {
			all.Items = append(all.Items, document.NewMap("Condition", c))
		}
		t.addCondition(name, document.NewMap("Fn::Or", all))
	}
	return []entry{{Key: "Condition", Value: document.NewString(name)}}
}

func (t *translation) deployTags() *node {
	merged := &node{Kind: document.Map}
	for _, d := range t.deployments {
		if d.tags != nil {
			merged = merge(merged, d.tags)
		}
	}
	if len(merged.Entries) == 0 {
		return nil
	}
	return tagList(merged)
}

func (d deployment) group() made {
	role := given(d.preference, "Role")
	if !truthy(role) {
		role = getArn(deployRole)
	}
	p := document.NewMap(
		"ApplicationName", ref(deployApplication),
		"AutoRollbackConfiguration", document.NewMap("Enabled", true, "Events",
			[]string{"DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"}),
		"DeploymentConfigName", deployConfig(d.preference.Get("Type"), false),
		"DeploymentStyle", document.NewMap("DeploymentType", "BLUE_GREEN", "DeploymentOption",
			"WITH_TRAFFIC_CONTROL"),
		"ServiceRoleArn", role, "AlarmConfiguration", d.alarmConfig)
	if triggers := given(d.preference, "TriggerConfigurations"); truthy(triggers) {
		p = p.With("TriggerConfigurations", triggers)
	}
	if d.tags != nil {
		p = p.With("Tags", tagList(d.tags))
	}
	m := made{typ: "AWS::CodeDeploy::DeploymentGroup", properties: p, pos: d.pos}
	if d.condition != "" {
		m.attributes = []entry{{Key: "Condition", Value: document.NewString(d.condition)}}
	}
	return m
}

func (d deployment) alarms(given *node) (*node, error) {
	if !truthy(given) || isNoValue(given) {
		return nil, nil
	}
	if !isIf(given) {
		return d.alarmList(given)
	}
	condition, yes, no, ok := ifBranches(given)
	if !ok {
		return nil, invalid(d.function, "Fn::If requires 3 arguments")
	}
	first, err := d.alarmList(yes)
	if err != nil {
		return nil, err
	}
	second, err := d.alarmList(no)
	return document.NewMap("Fn::If", document.NewList(condition, first, second)), err
}

func (d deployment) alarmList(given *node) (*node, error) {
	if !given.Is(document.List) {
		return nil, invalid(d.function, "Alarms must be a list")
	}
	if len(given.Items) == 0 || isNoValue(given.Items[0]) {
		return &node{Kind: document.Map}, nil
	}
	alarms := &node{Kind: document.List}
	for _, alarm := range given.Items {
		alarms.Items = append(alarms.Items, document.NewMap("Name", alarm))
	}
	return document.NewMap("Enabled", true, "Alarms", alarms), nil
}

// deployConfig gives CodeDeploy's own ways the prefix of their full names, also inside of functions.
func deployConfig(n *node, inSub bool) *node {
	switch {
	case n.Is(document.List):
		out := &node{Kind: document.List}
		for _, item := range n.Items {
			out.Items = append(out.Items, deployConfig(item, false))
		}
		return out
	case isIntrinsic(n):
		name, arg, _ := n.Single()
		return document.NewMap(name, deployConfig(arg, name == "Fn::Sub"))
	case !n.Is(document.String) || !slices.Contains(predefined, n.Text):
		return n
	}
	parts := document.NewList(document.NewString("CodeDeployDefault.Lambda${ConfigName}"),
		document.NewMap("ConfigName", n))
	if inSub {
		return parts
	}
	return document.NewMap("Fn::Sub", parts)
}
