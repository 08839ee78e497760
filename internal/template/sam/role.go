package sam

import (
	"strconv"

	"github.com/sealtable/sealtable/internal/template/document"
)

// trust returns the policy that lets a service take a role.
func trust(service string) *node {
	statement := document.NewMap("Action", []string{"sts:AssumeRole"}, "Effect", "Allow",
		"Principal", document.NewMap("Service", []string{service}))
	return document.NewMap("Version", "2012-10-17", "Statement", document.NewList(statement))
}

// allow returns a policy of a role with one statement.
func allow(name, action string, resource *node) *node {
	statement := document.NewMap("Action", action, "Effect", "Allow", "Resource", resource)
	return document.NewMap("PolicyName", name, "PolicyDocument", document.NewMap("Statement",
		document.NewList(statement)))
}

// A grant collects what a function's role may do.
type grant struct {
	managed  []*node
	policies []*node
}

func (g *grant) attach(policy *node) {
	for _, other := range g.managed {
		if document.Equal(other, policy) {
			return
		}
	}
	g.managed = append(g.managed, policy)
}

// embed adds a policy, unless one with the same document is there.
func (g *grant) embed(policy *node) {
	for _, other := range g.policies {
		if document.Equal(other.Get("PolicyDocument"), policy.Get("PolicyDocument")) {
			return
		}
	}
	g.policies = append(g.policies, policy)
}

// makeRole makes the role of the function, unless one is given.
func (f *lambda) makeRole() error {
	g, err := f.grants()
	if err != nil {
		return err
	}
	trusted := f.get("AssumeRolePolicyDocument")
	if trusted == nil {
		trusted = trust("lambda.amazonaws.com")
	}
	role := &made{id: f.id + "Role", typ: "AWS::IAM::Role", attributes: f.passed, pos: f.pos}
	role.properties = document.NewMap("AssumeRolePolicyDocument", trusted, "Path", f.get("RolePath"),
		"PermissionsBoundary",
		f.get("PermissionsBoundary"), "Tags", f.tags)
	switch own := f.get("Role"); {
	case own == nil:
		f.useRole(role, getArn(role.id))
	case isIf(own):
		if err := f.chooseRole(role, own); err != nil {
			return err
		}
	}
	f.grant = g
	f.finishRole = func() {
		role.properties = role.properties.With("ManagedPolicyArns", document.NewList(g.managed...))
		if len(g.policies) > 0 {
			role.properties = role.properties.With("Policies", document.NewList(g.policies...))
		}
	}
	return nil
}

func (f *lambda) useRole(role *made, value *node) {
	f.function.properties = f.function.properties.With("Role", value)
	f.role = role
}

// chooseRole serves a role that is given under a condition only: the made one takes the place of
// AWS::NoValue.
func (f *lambda) chooseRole(role *made, own *node) error {
	own = f.resolve(own)
	f.function.properties = f.function.properties.With("Role", own)
	condition, yes, no, ok := ifBranches(own)
	if !ok {
		return invalid(f.id, "Malformed 'Role' property: Fn::If requires 3 arguments.")
	}
	arn := getArn(role.id)
	choose := func(yes, no *node) *node {
		return document.NewMap("Fn::If", document.NewList(condition, yes,
			no))
	}
	switch {
	case isNoValue(yes) && isNoValue(no):
		f.useRole(role, arn)
	case isNoValue(yes):
		role.attributes = with(role.attributes, "Condition", condition)
		f.useRole(role, choose(arn, no))
	case isNoValue(no):
		negated := "NOT" + printed(condition)
		role.attributes = with(role.attributes, "Condition", document.NewString(negated))
		f.addCondition(negated, document.NewMap("Fn::Not", document.NewList(document.NewMap("Condition",
			condition))))
		f.useRole(role, choose(yes, arn))
	}
	return nil
}

func (t *translation) addCondition(name string, body *node) {
	t.conditions = t.conditions.With(name, body)
}

// grants returns what the properties of the function grant.
func (f *lambda) grants() (*grant, error) {
	basic := "service-role/AWSLambdaBasicExecutionRole"
	if truthy(f.get("DurableConfig")) {
		basic = "service-role/AWSLambdaBasicDurableExecutionRolePolicy"
	}
	g := &grant{managed: []*node{document.NewString(f.awsPolicy(basic))}}
	if f.traces() {
		name := "AWSXRayDaemonWriteAccess"
		if f.partition() == "aws" {
			name = "AWSXrayWriteOnlyAccess"
		}
		g.managed = append(g.managed, document.NewString(f.awsPolicy(name)))
	}
	if truthy(f.get("VpcConfig")) {
		g.managed = append(g.managed,
			document.NewString(f.awsPolicy("service-role/AWSLambdaVPCAccessExecutionRole")))
	}
	if queue := f.get("DeadLetterQueue"); truthy(queue) {
		action := map[string]string{"SQS": "sqs:SendMessage", "SNS": "sns:Publish"}[queue.Get("Type").Text]
		policy := allow("DeadLetterQueuePolicy", action, queue.Get("TargetArn"))
		g.policies = append(g.policies, policy.With("PolicyDocument",
			policy.Get("PolicyDocument").With("Version", document.NewString("2012-10-17"))))
	}
	g.policies = append(g.policies, f.invokePolicies...)
	return g, f.grantPolicies(g)
}

// grantPolicies adds the property Policies. The number in a policy's name is its place among all of them.
func (f *lambda) grantPolicies(g *grant) error {
	for i, n := range f.policyEntries() {
		kind, err := kindOf(n, false)
		if err != nil {
			return err
		}
		switch kind {
		case statementPolicy:
			name := f.id + "RolePolicy" + strconv.Itoa(i)
			g.policies = append(g.policies, eachBranch(n, func(policy *node) *node {
				return document.NewMap("PolicyName", name, "PolicyDocument", policy)
			}))
		case managedPolicy:
			g.attach(eachBranch(n, func(policy *node) *node {
				if !policy.Is(document.String) {
					return policy
				}
				return document.NewString(f.managedARN(policy.Text))
			}))
		default:
			return invalid(f.id, "Policy at index %d in the 'Policies' property is not valid", i)
		}
	}
	return nil
}

// eachBranch applies f to a value, or to both branches of Fn::If but AWS::NoValue.
func eachBranch(n *node, f func(*node) *node) *node {
	condition, yes, no, ok := ifBranches(n)
	if !ok {
		return f(n)
	}
	branch := func(n *node) *node {
		if isNoValue(n) {
			return n
		}
		return f(n)
	}
	return document.NewMap("Fn::If", document.NewList(condition, branch(yes), branch(no)))
}
