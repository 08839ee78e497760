package sam

import (
	"net/url"
	"slices"
	"strings"

	"github.com/sealtable/sealtable/internal/template/document"
)

const functionType = "AWS::Serverless::Function"

// functionProperties returns what AWS::Serverless::Function has, in the order in which it is checked.
func functionProperties() []property {
	return slices.Concat(
		optional(textOrMap, "FunctionName"),
		optional(anything, "Handler", "Runtime", "CodeUri", "ImageUri", "PackageType", "InlineCode"),
		optional(mapping, "DeadLetterQueue"),
		optional(anything, "Description", "MemorySize", "Timeout", "VpcConfig"),
		optional(text, "Role"),
		optional(mapping, "AssumeRolePolicyDocument"),
		optional(policyList, "Policies"),
		optional(anything, "RolePath"),
		optional(text, "PermissionsBoundary"),
		optional(mapOfMaps, "Environment", "Events"),
		optional(mapping, "Tags"),
		optional(boolean, "PropagateTags"),
		optional(textOrMap, "Tracing"),
		optional(anything, "KmsKeyArn"),
		optional(mapping, "DeploymentPreference"),
		optional(anything, "ReservedConcurrentExecutions"),
		optional(listOfTextOrMap, "Layers"),
		optional(mapping, "EventInvokeConfig"),
		optional(anything, "EphemeralStorage"),
		optional(textByType, "AutoPublishAlias", "AutoPublishCodeSha256"),
		[]property{{name: "AutoPublishAliasAllProperties", check: boolean, strict: true}},
		optional(anything, "VersionDescription", "ProvisionedConcurrencyConfig", "FileSystemConfigs",
			"ImageConfig",
			"CodeSigningConfigArn", "Architectures"),
		optional(mapping, "SnapStart", "FunctionUrlConfig"),
		optional(anything, "RuntimeManagementConfig", "LoggingConfig", "RecursiveLoop", "SourceKMSKeyArn"),
		optional(mapping, "CapacityProviderConfig", "FunctionScalingConfig"),
		optional(retention, "VersionDeletionPolicy"),
		optional(anything, "PublishToLatestPublished", "TenancyConfig"),
		optional(mapping, "DurableConfig"),
	)
}

// passedThrough are the properties that a function keeps as they are.
var passedThrough = []string{
	"Handler", "Runtime", "Description", "MemorySize", "Timeout", "VpcConfig", "Environment", "KmsKeyArn",
	"ReservedConcurrentExecutions", "Layers", "FileSystemConfigs", "ImageConfig", "PackageType",
	"Architectures", "SnapStart",
	"EphemeralStorage", "CodeSigningConfigArn", "RuntimeManagementConfig", "LoggingConfig", "TenancyConfig",
	"RecursiveLoop",
	"DurableConfig", "PublishToLatestPublished",
}

// A lambda is a function while it is translated.
type lambda struct {
	*translation
	id          string
	pos         document.Position
	properties  *node // of the template
	own, passed []entry
	tags        *node

	function       made
	alias          *made
	role           *made
	others         []made
	grant          *grant  // what the role may do, until finishRole writes it down
	invokePolicies []*node // what the destinations of calls need
	finishRole     func()
}

func (t *translation) function(s source) ([]made, error) {
	f := &lambda{translation: t, id: s.id, pos: s.pos, properties: given(s.node, "Properties")}
	if f.properties == nil {
		f.properties = &node{Kind: document.Map, Pos: s.pos}
	}
	f.own, f.passed = attributesOf(s.node)
	if err := f.expandPolicyTemplates(); err != nil {
		return nil, err
	}
	if err := checkProperties(s.id, functionType, f.properties, functionProperties()); err != nil {
		return nil, err
	}
	if err := f.checkEvents(); err != nil {
		return nil, err
	}
	steps := []func() error{
		f.checkTogether, f.checkDeadLetterQueue, f.checkTenancy, f.makeFunction, f.makeVersion, f.makeURL,
		f.deploy,
		f.makeInvokeConfig, f.makeRole, f.makeEvents,
	}
	f.function = made{id: s.id, typ: "AWS::Lambda::Function", dependsOn: s.node.Get("DependsOn"),
		attributes: f.own, pos: s.pos}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	f.finishRole()
	return f.all(), nil
}

// all returns what was made, with the tags of the function on everything that can have tags where that is
// asked for.
func (f *lambda) all() []made {
	all := append([]made{f.function}, f.others...)
	if f.alias != nil {
		all = append(all, *f.alias)
	}
	if f.role != nil {
		all = append(all, *f.role)
	}
	if !truthy(f.get("PropagateTags")) || !truthy(f.get("Tags")) {
		return all
	}
	for i, m := range all {
		if takesTags(m.typ) {
			all[i].properties = m.properties.With("Tags", tagList(f.get("Tags")))
		}
	}
	return all
}

func takesTags(typ string) bool {
	return typ == "AWS::Lambda::Function" || typ == "AWS::IAM::Role" || typ == "AWS::SQS::Queue" ||
		typ == "AWS::SNS::Topic"
}

func (f *lambda) get(name string) *node { return given(f.properties, name) }

func (f *lambda) checkTogether() error {
	for _, pair := range [][2]string{
		{"CapacityProviderConfig", "ProvisionedConcurrencyConfig"}, {"CapacityProviderConfig", "VpcConfig"},
	} {
		if f.get(pair[0]) != nil && f.get(pair[1]) != nil {
			return invalid(f.id, "Cannot specify '%s' and '%s' together.", pair[0], pair[1])
		}
	}
	for _, pair := range [][2]string{
		{"FunctionScalingConfig", "CapacityProviderConfig"}, {"VersionDeletionPolicy", "AutoPublishAlias"},
	} {
		if f.get(pair[0]) != nil && f.get(pair[1]) == nil {
			return invalid(f.id, "'%s' requires '%s'.", pair[0], pair[1])
		}
	}
	return nil
}

func (f *lambda) checkTenancy() error {
	if !truthy(f.get("TenancyConfig")) {
		return nil
	}
	for name, what := range map[string]string{
		"ProvisionedConcurrencyConfig": "Provisioned concurrency", "FunctionUrlConfig": "Function " +
			"URL", "SnapStart": "SnapStart",
	} {
		if truthy(f.get(name)) {
			return invalid(f.id, "%s is not supported for functions enabled with tenancy configuration.",
				what)
		}
	}
	return nil
}

func (f *lambda) checkDeadLetterQueue() error {
	queue := f.get("DeadLetterQueue")
	if !truthy(queue) {
		return nil
	}
	kind := given(queue, "Type")
	switch {
	case !truthy(kind) || !truthy(given(queue, "TargetArn")):
		return invalid(f.id, "'DeadLetterQueue' requires Type and TargetArn properties to be specified.")
	case !kind.Is(document.String):
		return invalid(f.id, "Property 'DeadLetterQueue.Type' should be a string.")
	case kind.Text != "SQS" && kind.Text != "SNS":
		return invalid(f.id, "'DeadLetterQueue' requires Type of ['SQS', 'SNS']")
	}
	return nil
}

// makeFunction makes the function itself. Its role comes later.
func (f *lambda) makeFunction() error {
	code, err := f.code()
	if err != nil {
		return err
	}
	p := document.NewMap("Code", code)
	if name := f.get("FunctionName"); truthy(name) {
		p = p.With("FunctionName", name)
	}
	for _, name := range passedThrough {
		if value := f.get(name); value != nil {
			p = p.With(name, value)
		}
	}
	if role := f.get("Role"); role != nil {
		p = p.With("Role", role)
	}
	if f.tags, err = f.tagsWithMark(); err != nil {
		return err
	}
	p = p.With("Tags", f.tags)
	if f.traces() {
		p = p.With("TracingConfig", document.NewMap("Mode", f.resolveInside(f.get("Tracing"))))
	}
	if queue := f.get("DeadLetterQueue"); truthy(queue) {
		p = p.With("DeadLetterConfig", document.NewMap("TargetArn", queue.Get("TargetArn")))
	}
	if capacity := f.get("CapacityProviderConfig"); truthy(capacity) {
		p = p.With("CapacityProviderConfig", capacityProvider(capacity))
	}
	if scaling := f.get("FunctionScalingConfig"); truthy(scaling) {
		p = p.With("FunctionScalingConfig", scaling)
	}
	f.function.properties = p
	return f.checkPackage(p)
}

func capacityProvider(given *node) *node {
	return document.NewMap("LambdaManagedInstancesCapacityProviderConfig", document.NewMap(
		"CapacityProviderArn", given.Get("Arn"),
		"PerExecutionEnvironmentMaxConcurrency", given.Get("PerExecutionEnvironmentMaxConcurrency"),
		"ExecutionEnvironmentMemoryGiBPerVCpu", given.Get("ExecutionEnvironmentMemoryGiBPerVCpu"),
	))
}

// traces reports whether tracing is asked for; Disabled is as if it were not given.
func (f *lambda) traces() bool {
	tracing := f.get("Tracing")
	if !truthy(tracing) {
		return false
	}
	value := f.resolve(tracing)
	return !value.Is(document.String) || value.Text != "Disabled"
}

// tagsWithMark returns the tags of the function, led by the one that says that SAM made it.
func (f *lambda) tagsWithMark() (*node, error) {
	tags := f.get("Tags")
	for _, reserved := range []string{"lambda:createdBy", "serverlessrepo:applicationId",
		"serverlessrepo:semanticVersion"} {
		if tags.Has(reserved) {
			return nil, invalid(f.id, "%s is a reserved Tag key name and cannot be set on your resource. "+
				"Please change the tag key "+
				"in the input.", reserved)
		}
	}
	out := tagList(document.NewMap("lambda:createdBy", "SAM"))
	out.Items = append(out.Items, tagList(tags).Items...)
	return out, nil
}

// code returns the property Code.
func (f *lambda) code() (*node, error) {
	kind := "Zip"
	if n := f.get("PackageType"); truthy(n) {
		kind = n.Text
		if kind != "Zip" && kind != "Image" {
			return nil, invalid(f.id, "invalid 'PackageType' : %s", printed(n))
		}
	}
	if kind == "Image" {
		image := f.get("ImageUri")
		if image == nil {
			return nil, invalid(f.id, "'ImageUri' must be set.")
		}
		if !truthy(image) {
			return nil, invalid(f.id, "'ImageUri' requires that a image hosted at a registry be specified.")
		}
		return document.NewMap("ImageUri", image), nil
	}
	inline, uri := f.get("InlineCode"), f.get("CodeUri")
	var code *node
	switch {
	case inline == nil && uri == nil:
		return nil, invalid(f.id, "Only one of 'InlineCode' or 'CodeUri' can be set.")
	case inline != nil:
		code = document.NewMap("ZipFile", inline)
	default:
		var err error
		if code, err = location(f.id, "CodeUri", uri); err != nil {
			return nil, err
		}
	}
	if key := f.get("SourceKMSKeyArn"); truthy(key) {
		code = code.With("SourceKMSKeyArn", key)
	}
	return code, nil
}

// location returns the place of an object as CloudFormation writes it. It is given as a map or as
// s3://bucket/key?versionId=v.
func location(id, name string, given *node) (*node, error) {
	if given.Is(document.Map) {
		if !truthy(given.Get("Bucket")) || !truthy(given.Get("Key")) {
			return nil, invalid(id, "'%s' requires Bucket and Key properties to be specified.", name)
		}
		return document.NewMap("S3Bucket", given.Get("Bucket"), "S3Key", given.Get("Key"), "S3ObjectVersion",
			given.Get("Version")), nil
	}
	if !given.Is(document.String) {
		return nil, invalid(id, "'%s' must be of type dict or string.", name)
	}
	address, err := url.Parse(given.Text)
	if err != nil || address.Scheme != "s3" || address.Host == "" ||
		address.Path == "" {
		return nil, invalid(id, "'%s' is not a valid S3 Uri of the form 's3://bucket/key' with optional "+
			"versionId query "+
			"parameter.", name)
	}
	out := document.NewMap("S3Bucket", address.Host, "S3Key", strings.TrimLeft(address.EscapedPath(), "/"))
	if versions := address.Query()["versionId"]; len(versions) == 1 && versions[0] != "" {
		out = out.With("S3ObjectVersion", document.NewString(versions[0]))
	}
	return out, nil
}

func (f *lambda) checkPackage(p *node) error {
	if kind := f.get("PackageType"); truthy(kind) && kind.Text == "Image" {
		if truthy(p.Get("Handler")) || truthy(p.Get("Runtime")) || truthy(p.Get("Layers")) {
			return invalid(f.id, "Runtime, Handler, Layers cannot be present when PackageType is of type "+
				"`Image`")
		}
		return nil
	}
	if !truthy(p.Get("Runtime")) || !truthy(p.Get("Handler")) {
		return invalid(f.id, "Runtime and Handler needs to be present when PackageType is of type `Zip`")
	}
	if truthy(p.Get("ImageConfig")) {
		return invalid(f.id, "ImageUri or ImageConfig cannot be present when PackageType is of type `Zip`")
	}
	return nil
}

// target returns how other resources name the function: by its alias where it has one.
func (f *lambda) target() *node {
	if f.alias != nil {
		return ref(f.alias.id)
	}
	return ref(f.id)
}

// targetARN returns the ARN of what is called.
func (f *lambda) targetARN() *node {
	if f.alias != nil {
		return ref(f.alias.id)
	}
	return getArn(f.id)
}

func (f *lambda) add(id, typ string, properties *node) *made {
	f.others = append(f.others, made{id: id, typ: typ, attributes: f.passed, properties: properties,
		pos: f.pos})
	return &f.others[len(f.others)-1]
}
