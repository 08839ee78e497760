package sam

import (
	"slices"

	"github.com/sealtable/sealtable/internal/template/document"
)

func scheduleProperties() []property {
	return slices.Concat(requiredTexts("Schedule"), optional(text, "RuleName", "Input"), optional(boolean,
		"Enabled"),
		optional(text, "State", "Name", "Description"), optional(mapping, "DeadLetterConfig", "RetryPolicy"))
}

func ruleProperties() []property {
	return slices.Concat(optional(text, "EventBusName", "RuleName"), optional(mapping, "Pattern",
		"DeadLetterConfig",
		"RetryPolicy"), optional(text, "Input", "InputPath"), optional(mapping, "Target"), optional(boolean,
		"Enabled"),
		optional(text, "State"), optional(mapping, "InputTransformer"))
}

func scheduleV2Properties() []property {
	return slices.Concat(optional(text, "PermissionsBoundary"), requiredTexts("ScheduleExpression"),
		optional(mapping, "FlexibleTimeWindow"), optional(text, "Name", "State", "Description", "StartDate",
			"EndDate",
			"ScheduleExpressionTimezone", "GroupName", "KmsKeyArn", "Input", "RoleArn"),
		optional(mapping, "DeadLetterConfig", "RetryPolicy"), []property{{name: "OmitName", check: boolean,
			strict: true}})
}

// schedule makes a rule that calls the function by the clock.
func (f *lambda) schedule(e event) error {
	return f.makeRule(e, document.NewMap("ScheduleExpression", e.get("Schedule"), "Name", e.get("Name"),
		"Description",
		e.get("Description")))
}

// rule makes a rule that calls the function for events that match a pattern.
func (f *lambda) rule(e event) error {
	return f.makeRule(e, document.NewMap("EventBusName", e.get("EventBusName"), "EventPattern",
		e.get("Pattern"), "Name",
		e.get("RuleName")))
}

func (f *lambda) makeRule(e event, p *node) error {
	state, enabled := e.get("State"), e.get("Enabled")
	if truthy(state) && enabled != nil {
		return invalidEvent(f.id, e.name, "State and Enabled Properties cannot both be specified.")
	}
	switch {
	case truthy(state):
		p = p.With("State", state)
	case truthy(enabled):
		p = p.With("State", document.NewString("ENABLED"))
	case enabled != nil:
		p = p.With("State", document.NewString("DISABLED"))
	}
	queue, err := f.deadLetters(e, true)
	if err != nil {
		return err
	}
	p = p.With("Targets", document.NewList(f.ruleTarget(e, queue)))
	f.add(e.id, "AWS::Events::Rule", p)
	f.permit(e, "events.amazonaws.com", "SourceArn", getArn(e.id))
	return nil
}

func (f *lambda) ruleTarget(e event, queue *node) *node {
	const suffix, most = "LambdaTarget", 64
	id := document.NewString(e.id[:min(len(e.id), most-len(suffix))] + suffix)
	if own := e.get("Target").Get("Id"); own != nil {
		id = own
	}
	target := document.NewMap("Arn", f.targetARN(), "Id", id, "Input", e.get("Input"), "InputPath",
		e.get("InputPath"))
	if queue != nil {
		target = target.With("DeadLetterConfig", document.NewMap("Arn", queue))
	}
	for _, name := range []string{"RetryPolicy", "InputTransformer"} {
		if value := e.get(name); value != nil {
			target = target.With(name, value)
		}
	}
	return target
}

// deadLetters returns the ARN of the queue for events that could not be delivered, and makes the queue where
// only a type is given. Rules need the queue's policy to let them in; schedules send with a role.
func (f *lambda) deadLetters(e event, byPolicy bool) (*node, error) {
	config := e.get("DeadLetterConfig")
	if config == nil {
		return nil, nil
	}
	kind := config.Get("Type")
	switch {
	case config.Has("Arn") && kind != nil:
		return nil, invalidEvent(f.id, e.id, "You can either define 'Arn' or 'Type' property of "+
			"DeadLetterConfig.")
	case kind != nil && scalarText(kind) != "SQS":
		return nil, invalidEvent(f.id, e.id, "The only valid value for 'Type' property of "+
			"DeadLetterConfig is 'SQS'.")
	case kind == nil && !config.Has("Arn"):
		return nil, invalidEvent(f.id, e.id, "No 'Arn' or 'Type' property provided for DeadLetterConfig.")
	case config.Has("Arn"):
		return config.Get("Arn"), nil
	}
	id := e.id + "Queue"
	if own := given(config, "QueueLogicalId"); own != nil {
		if !own.Is(document.String) {
			return nil, invalidEvent(f.id, e.id, "QueueLogicalId must be a string")
		}
		if own.Text != "" {
			id = own.Text
		}
	}
	f.add(id, "AWS::SQS::Queue", &node{Kind: document.Map})
	if byPolicy {
		service := document.NewMap("Service", "events.amazonaws.com")
		f.add(e.id+"QueuePolicy", "AWS::SQS::QueuePolicy", queuePolicy(service, getArn(id), ref(id),
			getArn(e.id)))
	}
	return getArn(id), nil
}

// scheduleV2 makes a schedule of EventBridge Scheduler, with the role that it calls with.
func (f *lambda) scheduleV2(e event) error {
	p := document.NewMap("ScheduleExpression", e.get("ScheduleExpression"))
	for _, name := range []string{"Description", "StartDate", "EndDate", "ScheduleExpressionTimezone",
		"GroupName", "KmsKeyArn"} {
		if value := e.get(name); value != nil {
			p = p.With(name, value)
		}
	}
	if state := e.get("State"); truthy(state) {
		p = p.With("State", state)
	}
	window := e.get("FlexibleTimeWindow")
	if !truthy(window) {
		window = document.NewMap("Mode", "OFF")
	}
	p = p.With("FlexibleTimeWindow", window)
	name := e.get("Name")
	switch {
	case truthy(e.get("OmitName")) && truthy(name):
		return invalidEvent(f.id, e.id, "Name cannot be set when OmitName is True")
	case truthy(e.get("OmitName")):
	case truthy(name):
		p = p.With("Name", name)
	default:
		p = p.With("Name", document.NewString(e.id))
	}
	queue, err := f.deadLetters(e, false)
	if err != nil {
		return err
	}
	role := e.get("RoleArn")
	if !truthy(role) {
		role = f.schedulerRole(e, queue)
	}
	target := document.NewMap("Arn", f.targetARN(), "RoleArn", role, "Input", e.get("Input"))
	if queue != nil {
		target = target.With("DeadLetterConfig", document.NewMap("Arn", queue))
	}
	if retry := e.get("RetryPolicy"); retry != nil {
		target = target.With("RetryPolicy", retry)
	}
	f.add(e.id, "AWS::Scheduler::Schedule", p.With("Target", target))
	return nil
}

func (f *lambda) schedulerRole(e event, queue *node) *node {
	policies := document.NewList(destinationPolicy("Lambda", e.id, f.targetARN()))
	if queue != nil {
		policies.Items = append(policies.Items, destinationPolicy("SQS", e.id, queue))
	}
	p := document.NewMap("AssumeRolePolicyDocument", trust("scheduler.amazonaws.com"), "Policies", policies)
	if boundary := e.get("PermissionsBoundary"); truthy(boundary) {
		p = p.With("PermissionsBoundary", boundary)
	}
	f.add(e.id+"Role", "AWS::IAM::Role", p)
	return getArn(e.id + "Role")
}
