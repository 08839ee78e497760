package sam

import (
	"slices"

	"github.com/sealtable/sealtable/internal/template/document"
)

var destinationTypes = []string{"SQS", "SNS", "EventBridge", "Lambda", "S3Bucket"}

// destinationPolicy lets a role send to a destination. The words of the actions are the translator's.
func destinationPolicy(kind, id string, target *node) *node {
	switch kind {
	case "SQS":
		return allow(id+"SQSPolicy", "sqs:SendMessage", target)
	case "SNS":
		return allow(id+"SNSPolicy", "sns:publish", target)
	case "EventBridge":
		return allow(id+"EventBridgePolicy", "events:PutEvents", target)
	case "Lambda":
		return allow(id+"LambdaPolicy", "lambda:InvokeFunction", target)
	}
	objects := document.NewMap("Fn::Join", document.NewList(document.NewString("/"),
		document.NewList(target, document.NewString("*"))))
	statements := document.NewList(
		document.NewMap("Action", "s3:PutObject", "Effect", "Allow", "Resource", objects),
		document.NewMap("Action", "s3:ListBucket", "Effect", "Allow", "Resource", target))
	return document.NewMap("PolicyName", id+"S3Policy", "PolicyDocument", document.NewMap("Statement",
		statements))
}

// makeInvokeConfig makes what EventInvokeConfig asks for: the configuration, and queues or topics for
// destinations that name none.
func (f *lambda) makeInvokeConfig() error {
	config := f.resolve(f.get("EventInvokeConfig"))
	if !truthy(config) {
		return nil
	}
	id := f.id + "EventInvokeConfig"
	destinations := &node{Kind: document.Map}
	places := given(config, "DestinationConfig")
	if truthy(places) && !places.Is(document.Map) {
		return invalid(f.id, "Property 'EventInvokeConfig.DestinationConfig' should be a map.")
	}
	for _, name := range []string{"OnSuccess", "OnFailure"} {
		destination := given(places, name)
		if destination == nil {
			continue
		}
		if !destination.Is(document.Map) {
			return invalid(f.id, "Property 'EventInvokeConfig.DestinationConfig.%s' should be a map.", name)
		}
		target, err := f.destination(destination, id, name)
		if err != nil {
			return err
		}
		destinations = destinations.With(name, document.NewMap("Destination", target))
	}
	properties := document.NewMap("FunctionName", ref(f.id), "Qualifier", "$LATEST", "DestinationConfig",
		destinations,
		"MaximumEventAgeInSeconds", given(config, "MaximumEventAgeInSeconds"),
		"MaximumRetryAttempts", given(config, "MaximumRetryAttempts"))
	m := f.add(id, "AWS::Lambda::EventInvokeConfig", properties)
	m.attributes = slices.DeleteFunc(slices.Clone(f.own),
		func(e entry) bool { return e.Key == "UpdatePolicy" })
	if f.alias != nil {
		m.properties = m.properties.With("Qualifier", f.alias.properties.Get("Name"))
		m.dependsOn = document.From([]string{f.alias.id})
	}
	return nil
}

// destination returns where the results of calls go, and makes the place if there is none.
func (f *lambda) destination(config *node, id, event string) (*node, error) {
	kind := given(config, "Type")
	if !kind.Is(document.String) || !slices.Contains(destinationTypes, kind.Text) {
		words := "None"
		if kind != nil {
			words = printed(kind)
		}
		return nil, invalid(f.id, "'Type: %s' must be one of %s", words, python(destinationTypes))
	}
	target := given(config, "Destination")
	condition, other, err := f.missingUnder(target, id)
	if err != nil {
		return nil, err
	}
	if target == nil || condition != "" {
		if kind.Text != "SQS" && kind.Text != "SNS" {
			return nil, invalid(f.id, "Destination is required if Type is not ['SQS', 'SNS']")
		}
		target = f.makeDestination(kind.Text, id+event, condition)
		if condition != "" {
			target = document.NewMap("Fn::If", document.NewList(document.NewString(condition), target, other))
		}
	}
	f.invokePolicies = append(f.invokePolicies, destinationPolicy(kind.Text, id+event, target))
	return target, nil
}

// missingUnder returns the condition under which a destination is AWS::NoValue, and the destination
// otherwise.
func (f *lambda) missingUnder(target *node, id string) (condition string, other *node, err error) {
	if !isIf(target) {
		return "", nil, nil
	}
	name, yes, no, ok := ifBranches(target)
	switch {
	case !ok:
		return "", nil, invalid(id, "Malformed 'Destination' property: Fn::If requires 3 arguments.")
	case isNoValue(yes) == isNoValue(no):
		return "", nil, nil
	case isNoValue(yes):
		return printed(name), no, nil
	}
	negated := "NOT" + printed(name) + digestText(id)
	f.addCondition(negated, document.NewMap("Fn::Not", document.NewList(document.NewMap("Condition", name))))
	return negated, yes, nil
}

// makeDestination makes a queue or a topic and returns how it is named.
func (f *lambda) makeDestination(kind, id, condition string) *node {
	attributes := f.passed
	own := attribute(attributes, "Condition")
	switch {
	case condition != "" && own != nil:
		both := own.Text + "AND" + condition
		both += digestText(f.id)
		f.addCondition(both, document.NewMap("Fn::And", document.NewList(document.NewMap("Condition", own),
			document.NewMap("Condition", condition))))
		attributes = with(attributes, "Condition", document.NewString(both))
	case condition != "":
		attributes = with(attributes, "Condition", document.NewString(condition))
	}
	if kind == "SQS" {
		m := f.add(id+"Queue", "AWS::SQS::Queue", &node{Kind: document.Map})
		m.attributes = attributes
		f.derive(f.id, "DestinationQueue", id+"Queue")
		return getArn(id + "Queue")
	}
	m := f.add(id+"Topic", "AWS::SNS::Topic", &node{Kind: document.Map})
	m.attributes = attributes
	f.derive(f.id, "DestinationTopic", id+"Topic")
	return ref(id + "Topic")
}
