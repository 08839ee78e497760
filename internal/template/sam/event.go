package sam

import (
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/template/document"
)

// An event is a member of a function's Events.
type event struct {
	name       string // in the template
	id         string // of what is made for it
	typ        string
	properties *node
}

func (e event) get(name string) *node { return given(e.properties, name) }

// An eventType is what a type of event may have, and what is made for it.
type eventType struct {
	properties []property
	make       func(*lambda, event) error
}

// eventTypes returns the types of events. Those of API Gateway, Cognito and IoT make resources of these
// services' types, which are not here: they are refused by the caller, by the name of the type.
func eventTypes() map[string]eventType {
	return map[string]eventType{
		"DynamoDB":         {streamProperties(), (*lambda).stream},
		"Kinesis":          {streamProperties(), (*lambda).stream},
		"MSK":              {streamProperties(), (*lambda).stream},
		"SQS":              {slices.Concat(pullProperties(), required("Queue")), (*lambda).stream},
		"Schedule":         {scheduleProperties(), (*lambda).schedule},
		"ScheduleV2":       {scheduleV2Properties(), (*lambda).scheduleV2},
		"CloudWatchEvent":  {ruleProperties(), (*lambda).rule},
		"EventBridgeRule":  {ruleProperties(), (*lambda).rule},
		"CloudWatchLogs":   {requiredTexts("LogGroupName", "FilterPattern"), (*lambda).logs},
		"SNS":              {snsProperties(), (*lambda).sns},
		"S3":               {s3Properties(), (*lambda).s3},
		"AlexaSkill":       {optional(text, "SkillId"), (*lambda).alexa},
		"Api":              {nil, foreign("ServerlessRestApi", "AWS::ApiGateway::RestApi")},
		"HttpApi":          {nil, foreign("ServerlessHttpApi", "AWS::ApiGatewayV2::Api")},
		"WebSocketApi":     {nil, foreign("ServerlessWebSocketApi", "AWS::ApiGatewayV2::Api")},
		"Cognito":          {nil, foreign("", "AWS::Cognito::UserPool")},
		"IoTRule":          {nil, foreign("", "AWS::IoT::TopicRule")},
		"MQ":               {nil, foreign("", "AWS::AmazonMQ::Broker")},
		"DocumentDB":       {nil, foreign("", "AWS::DocDB::DBCluster")},
		"SelfManagedKafka": {nil, foreign("", "AWS::MSK::Cluster")},
	}
}

// foreign stands for events of services that are not here. What is made has the type that is missing and
// nothing else, for the caller to refuse; an id of its own is that of the event.
func foreign(id, typ string) func(*lambda, event) error {
	return func(f *lambda, e event) error {
		name := id
		if name == "" {
			name = e.id
		}
		f.others = append(f.others, made{id: name, typ: typ, properties: &node{Kind: document.Map},
			pos: f.pos})
		return nil
	}
}

func required(names ...string) []property {
	var all []property
	for _, name := range names {
		all = append(all, property{name: name, check: anything, required: true, strict: true})
	}
	return all
}

func requiredTexts(names ...string) []property {
	var all []property
	for _, name := range names {
		all = append(all, property{name: name, check: text, required: true})
	}
	return all
}

// checkEvents refuses events of no known type and those with wrong properties, in the order of the text.
func (f *lambda) checkEvents() error {
	events := f.get("Events")
	if events == nil {
		return nil
	}
	types := eventTypes()
	for _, e := range events.Entries {
		if !e.Value.Is(document.Map) {
			return invalidEvent(f.id, e.Key, "'%s' object has no attribute 'get'", pythonType(e.Value))
		}
		typ := given(e.Value, "Type")
		known, ok := types[scalarText(typ)]
		if !ok || !typ.Is(document.String) {
			words := "None"
			if typ != nil {
				words = printed(typ)
			}
			return invalidEvent(f.id, e.Key, "Resource dict has missing or invalid value for key Type. "+
				"Event Type is: %s.", words)
		}
		properties := given(e.Value, "Properties")
		if properties != nil && !properties.Is(document.Map) {
			return invalid(f.id+e.Key, "Properties of a resource must be an object.")
		}
		if known.properties == nil {
			continue
		}
		if err := checkProperties(f.id+e.Key, typ.Text, properties, known.properties); err != nil {
			return err
		}
		if typ.Text == "S3" {
			if err := f.checkBucket(e.Key, given(properties, "Bucket")); err != nil {
				return err
			}
		}
	}
	return nil
}

// pythonType is the name of a value's type that the translator gives away where it expects a map.
func pythonType(n *node) string {
	switch n.Kind {
	case document.String:
		return "str"
	case document.List:
		return "list"
	case document.Bool:
		return "bool"
	case document.Number:
		if integer.accepts(n) {
			return "int"
		}
		return "float"
	}
	return "NoneType"
}

func scalarText(n *node) string {
	if n.IsScalar() {
		return n.Text
	}
	return ""
}

// makeEvents makes what the events ask for, in the order of their names.
func (f *lambda) makeEvents() error {
	events := f.get("Events")
	if events == nil {
		return nil
	}
	sorted := slices.Clone(events.Entries)
	slices.SortStableFunc(sorted, func(a, b entry) int { return strings.Compare(orderOf(a), orderOf(b)) })
	types := eventTypes()
	for _, e := range sorted {
		typ := scalarText(given(e.Value, "Type"))
		ev := event{name: e.Key, id: f.id + e.Key, typ: typ, properties: given(e.Value, "Properties")}
		if err := types[typ].make(f, ev); err != nil {
			return err
		}
	}
	return nil
}

func orderOf(e entry) string {
	if path := given(given(e.Value, "Properties"), "Path"); path.Is(document.String) {
		return path.Text
	}
	return e.Key
}

// pullProperties are those of all events that Lambda reads itself.
func pullProperties() []property {
	return slices.Concat(
		optional(integer, "BatchSize"),
		optional(anything, "StartingPosition", "StartingPositionTimestamp"),
		optional(boolean, "Enabled"),
		optional(integer, "MaximumBatchingWindowInSeconds", "MaximumRetryAttempts"),
		optional(boolean, "BisectBatchOnFunctionError"),
		optional(integer, "MaximumRecordAgeInSeconds"),
		optional(mapping, "DestinationConfig"),
		optional(integer, "ParallelizationFactor"),
		optional(list, "Topics", "Queues", "SourceAccessConfigurations"),
		optional(text, "SecretsManagerKmsKeyId"),
		optional(integer, "TumblingWindowInSeconds"),
		optional(list, "FunctionResponseTypes", "KafkaBootstrapServers"),
		optional(mapping, "FilterCriteria"),
		optional(anything, "KmsKeyArn"),
		optional(text, "ConsumerGroupId"),
		optional(mapping, "ScalingConfig", "ProvisionedPollerConfig", "SchemaRegistryConfig",
			"MetricsConfig", "LoggingConfig"),
	)
}

func streamProperties() []property {
	pull := pullProperties()
	pull = slices.DeleteFunc(pull, func(p property) bool { return p.name == "StartingPosition" })
	return slices.Concat(pull[:1], required("StartingPosition"), pull[1:], required("Stream"))
}

// mapped are the properties that the mapping takes over from the event.
var mapped = []string{
	"StartingPosition", "StartingPositionTimestamp", "BatchSize", "Enabled", "MaximumBatchingWindowInSeconds",
	"MaximumRetryAttempts", "BisectBatchOnFunctionError", "MaximumRecordAgeInSeconds",
	"ParallelizationFactor", "Topics", "Queues",
	"SourceAccessConfigurations", "TumblingWindowInSeconds", "FunctionResponseTypes", "FilterCriteria",
	"KmsKeyArn",
	"ScalingConfig", "ProvisionedPollerConfig", "MetricsConfig", "LoggingConfig",
}

var pullPolicies = map[string]string{
	"DynamoDB": "service-role/AWSLambdaDynamoDBExecutionRole",
	"Kinesis":  "service-role/AWSLambdaKinesisExecutionRole",
	"MSK":      "service-role/AWSLambdaMSKExecutionRole",
	"SQS":      "service-role/AWSLambdaSQSQueueExecutionRole",
}

// stream makes the mapping of an event source that Lambda reads, and lets the role read it.
func (f *lambda) stream(e event) error {
	source := e.get("Stream")
	if e.typ == "SQS" {
		source = e.get("Queue")
	}
	p := document.NewMap("FunctionName", f.target(), "EventSourceArn", source)
	for _, name := range mapped {
		if value := e.get(name); value != nil {
			p = p.With(name, value)
		}
	}
	if criteria := e.get("FilterCriteria"); truthy(criteria) && !isIntrinsic(criteria) {
		if len(criteria.Entries) != 1 || !criteria.Has("Filters") {
			return invalidEvent(f.id, e.name, "FilterCriteria field has a wrong format")
		}
	}
	p, err := f.kafka(e, p)
	if err != nil {
		return err
	}
	policy, err := f.onFailure(e, &p)
	if err != nil {
		return err
	}
	f.add(e.id, "AWS::Lambda::EventSourceMapping", p)
	f.grant.attach(document.NewString(f.awsPolicy(pullPolicies[e.typ])))
	if uri := clientCertificate(e); e.typ == "MSK" && uri != nil {
		f.grant.embed(allow("MSKExecutionRolePolicy", "", uri).With("PolicyDocument", secretPolicy(uri)))
	}
	if policy != nil {
		f.grant.embed(policy)
	}
	return nil
}

func secretPolicy(uri *node) *node {
	return document.NewMap("Statement", document.NewList(document.NewMap("Action",
		[]string{"secretsmanager:GetSecretValue"}, "Effect", "Allow", "Resource", uri)))
}

func clientCertificate(e event) *node {
	configurations := e.get("SourceAccessConfigurations")
	if !configurations.Is(document.List) {
		return nil
	}
	for _, c := range configurations.Items {
		if scalarText(c.Get("Type")) == "CLIENT_CERTIFICATE_TLS_AUTH" && truthy(c.Get("URI")) {
			return c.Get("URI")
		}
	}
	return nil
}

// kafka adds what only sources of Kafka have.
func (f *lambda) kafka(e event, p *node) (*node, error) {
	if servers := e.get("KafkaBootstrapServers"); truthy(servers) {
		p = p.With("SelfManagedEventSource", document.NewMap("Endpoints",
			document.NewMap("KafkaBootstrapServers", servers)))
	}
	config := &node{Kind: document.Map}
	if group := e.get("ConsumerGroupId"); truthy(group) {
		if e.typ != "MSK" {
			return nil, invalidEvent(f.id, e.id, "Property ConsumerGroupId not defined for resource of "+
				"type %s.", e.typ)
		}
		config = config.With("ConsumerGroupId", group)
	}
	if registry := e.get("SchemaRegistryConfig"); truthy(registry) && e.typ == "MSK" {
		config = config.With("SchemaRegistryConfig", registry)
	}
	if len(config.Entries) > 0 {
		p = p.With("AmazonManagedKafkaEventSourceConfig", config)
	}
	return p, nil
}

// onFailure adds the place for records that could not be handled, and returns the policy that lets the role
// send there. The type of the place is for the transform alone.
func (f *lambda) onFailure(e event, p **node) (*node, error) {
	config := e.get("DestinationConfig")
	if !truthy(config) {
		return nil, nil
	}
	failure := given(config, "OnFailure")
	if !failure.Is(document.Map) {
		return nil, invalidEvent(f.id, e.id, "Property 'DestinationConfig.OnFailure' should be a map.")
	}
	kind := given(failure, "Type")
	if !truthy(kind) {
		*p = (*p).With("DestinationConfig", config)
		return nil, nil
	}
	*p = (*p).With("DestinationConfig", config.With("OnFailure", failure.Without("Type")))
	switch scalarText(kind) {
	case "SQS", "SNS":
		return destinationPolicy(kind.Text, e.id, given(failure, "Destination")), nil
	case "S3":
		return destinationPolicy("S3Bucket", e.id, given(failure, "Destination")), nil
	case "Kafka":
		return nil, nil
	}
	return nil, invalidEvent(f.id, e.id, "The only valid values for 'Type' are 'SQS', 'SNS', 'S3', and "+
		"'Kafka'")
}
