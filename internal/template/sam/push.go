package sam

import (
	"slices"

	"github.com/sealtable/sealtable/internal/template/document"
)

// permit lets a service call the function for an event. Members are added to the permission, where they are
// not nil.
func (f *lambda) permit(e event, service string, members ...any) *made {
	p := document.NewMap("Action", "lambda:InvokeFunction", "FunctionName", f.target(), "Principal", service)
	p.Entries = append(p.Entries, document.NewMap(members...).Entries...)
	return f.add(e.id+"Permission", "AWS::Lambda::Permission", p)
}

func (f *lambda) alexa(e event) error {
	f.permit(e, "alexa-appkit.amazon.com", "EventSourceToken", e.get("SkillId"))
	return nil
}

// logs makes a subscription to a log group.
func (f *lambda) logs(e event) error {
	group := e.get("LogGroupName")
	arn := "arn:" + f.partition() + ":logs:${AWS::Region}:${AWS::AccountId}:log-group:${__LogGroupName__}:*"
	source := document.NewMap("Fn::Sub", document.NewList(document.NewString(arn),
		document.NewMap("__LogGroupName__", group)))
	permission := f.permit(e, "logs.amazonaws.com", "SourceArn", source).id
	m := f.add(e.id, "AWS::Logs::SubscriptionFilter", document.NewMap("LogGroupName", group, "FilterPattern",
		e.get("FilterPattern"), "DestinationArn", f.targetARN()))
	m.dependsOn = document.From([]string{permission})
	return nil
}

func snsProperties() []property {
	return slices.Concat(requiredTexts("Topic"), optional(text, "Region"),
		optional(anything, "FilterPolicy", "FilterPolicyScope"), optional(boolOrMap, "SqsSubscription"),
		optional(mapping, "RedrivePolicy"))
}

// sns makes a subscription to a topic: of the function, or of a queue that the function reads.
func (f *lambda) sns(e event) error {
	queue := e.get("SqsSubscription")
	if !truthy(queue) {
		f.permit(e, "sns.amazonaws.com", "SourceArn", e.get("Topic"))
		f.subscribe(e, "lambda", f.targetARN())
		return nil
	}
	arn, address := getArn(e.id+"Queue"), ref(e.id+"Queue")
	policyID := e.id + "QueuePolicy"
	batch := document.From(10)
	if queue.Is(document.Map) {
		arn, address = given(queue, "QueueArn"), given(queue, "QueueUrl")
		if !truthy(arn) || !truthy(address) {
			return invalidEvent(f.id, e.name, "No QueueARN or QueueURL provided.")
		}
		if own := given(queue, "QueuePolicyLogicalId"); truthy(own) {
			policyID = scalarText(own)
		}
		if own := given(queue, "BatchSize"); truthy(own) {
			batch = own
		}
	} else {
		f.makeQueue(e)
	}
	f.add(e.id+"EventSourceMapping", "AWS::Lambda::EventSourceMapping", document.NewMap("FunctionName",
		f.target(),
		"EventSourceArn", arn, "BatchSize", batch, "Enabled", true))
	f.grant.attach(document.NewString(f.awsPolicy(pullPolicies["SQS"])))
	f.add(policyID, "AWS::SQS::QueuePolicy", queuePolicy(document.NewString("*"), arn, address,
		e.get("Topic")))
	f.subscribe(e, "sqs", arn)
	return nil
}

func (f *lambda) makeQueue(e event) {
	properties := &node{Kind: document.Map}
	if topic, ok := f.source(idOf(e.get("Topic"))); ok {
		if fifo := f.resolve(given(given(topic.node, "Properties"), "FifoTopic")); truthy(fifo) {
			properties = properties.With("FifoQueue", fifo)
		}
	}
	f.add(e.id+"Queue", "AWS::SQS::Queue", properties)
}

// queuePolicy lets what has an ARN send to a queue.
func queuePolicy(principal, arn, address, source *node) *node {
	statement := document.NewMap("Action", "sqs:SendMessage", "Effect", "Allow", "Principal", principal,
		"Resource", arn,
		"Condition", document.NewMap("ArnEquals", document.NewMap("aws:SourceArn", source)))
	policy := document.NewMap("Version", "2012-10-17", "Statement", document.NewList(statement))
	return document.NewMap("PolicyDocument", policy, "Queues", document.NewList(address))
}

func (f *lambda) subscribe(e event, protocol string, endpoint *node) {
	f.add(e.id, "AWS::SNS::Subscription", document.NewMap("Protocol", protocol, "Endpoint", endpoint,
		"TopicArn",
		e.get("Topic"), "Region", e.get("Region"), "FilterPolicy", e.get("FilterPolicy"),
		"FilterPolicyScope", e.get("FilterPolicyScope"), "RedrivePolicy", e.get("RedrivePolicy")))
}

func s3Properties() []property {
	return slices.Concat(requiredTexts("Bucket"),
		[]property{{name: "Events", check: textOrTexts, required: true, strict: true}}, optional(mapOfText,
			"Filter"))
}

// checkBucket refuses buckets that are not in the template.
func (f *lambda) checkBucket(event string, named *node) error {
	id := named.Get("Ref")
	if id != nil && !id.Is(document.String) {
		return invalidEvent(f.id, event, "'Ref' value in S3 events is not a valid string.")
	}
	if id == nil || f.translation.get(id.Text) == nil {
		return invalidEvent(f.id, event, "S3 events must reference an S3 bucket in the same template.")
	}
	return nil
}

// s3 adds the notification to the bucket.
func (f *lambda) s3(e event) error {
	id := e.get("Bucket").Get("Ref")
	bucket := f.translation.get(id.Text)
	permission := f.permit(e, "s3.amazonaws.com", "SourceAccount", ref("AWS::AccountId")).id
	properties := given(bucket, "Properties")
	if properties == nil {
		properties = &node{Kind: document.Map}
	}
	condition := attribute(f.passed, "Condition")
	if condition == nil {
		texts, _ := bucket.Get("DependsOn").Strings()
		bucket = bucket.With("DependsOn", document.From(append(texts, permission)))
	} else {
		properties = properties.With("Tags", dependTag(properties.Get("Tags"), permission, condition))
	}
	properties = properties.With("NotificationConfiguration", f.notify(e,
		properties.Get("NotificationConfiguration")))
	f.put(id.Text, bucket.With("Properties", properties))
	return nil
}

// dependTag makes the bucket depend on a permission that exists under a condition only: DependsOn could not.
func dependTag(tags *node, permission string, condition *node) *node {
	out := &node{Kind: document.List}
	if tags.Is(document.List) {
		out.Items = append(out.Items, tags.Items...)
	}
	value := document.NewMap("Fn::If", document.NewList(condition, ref(permission),
		document.NewString("no dependency")))
	out.Items = append(out.Items, document.NewMap("Key", "sam:ConditionalDependsOn:"+permission, "Value",
		value))
	return out
}

func (f *lambda) notify(e event, config *node) *node {
	if config == nil {
		config = &node{Kind: document.Map}
	}
	notifications := &node{Kind: document.List}
	if old := config.Get("LambdaConfigurations"); old.Is(document.List) {
		notifications.Items = append(notifications.Items, old.Items...)
	}
	names, _ := e.get("Events").Strings()
	for _, name := range names {
		n := document.NewMap("Function", f.targetARN(), "Filter", e.get("Filter"), "Event", name)
		if condition := attribute(f.passed, "Condition"); condition != nil {
			n = document.NewMap("Fn::If", document.NewList(condition, n, ref("AWS::NoValue")))
		}
		if !slices.ContainsFunc(notifications.Items, func(other *node) bool {
			return document.Equal(other,
				n)
		}) {
			notifications.Items = append(notifications.Items, n)
		}
	}
	return config.With("LambdaConfigurations", notifications)
}
