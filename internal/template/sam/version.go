package sam

import (
	"regexp"
	"strings"

	"github.com/sealtable/sealtable/internal/template/document"
)

var (
	aliasName   = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)
	onlyNumbers = regexp.MustCompile(`^[0-9]+$`)
)

// makeVersion makes the version and the alias of AutoPublishAlias. The version's id changes when the code
// does, so that an update publishes a new one.
func (f *lambda) makeVersion() error {
	given := f.get("AutoPublishAlias")
	if !truthy(given) {
		if truthy(f.get("ProvisionedConcurrencyConfig")) {
			return invalid(f.id, "To set ProvisionedConcurrencyConfig AutoPublishALias must be defined on "+
				"the function")
		}
		return nil
	}
	name := f.resolve(given)
	if !name.Is(document.String) {
		return invalid(f.id, "'AutoPublishAlias' must be a string or a Ref to a template parameter")
	}
	hash, err := f.codeHash()
	if err != nil {
		return err
	}
	version := f.id + "Version" + hash
	attributes := f.passed
	if attribute(attributes, "DeletionPolicy") == nil {
		attributes = with(attributes, "DeletionPolicy", f.versionPolicy())
	}
	m := f.add(version, "AWS::Lambda::Version", document.NewMap("FunctionName", ref(f.id), "Description",
		f.get("VersionDescription")))
	m.attributes = attributes
	if f.get("CapacityProviderConfig") != nil && f.get("FunctionScalingConfig") != nil {
		m.properties = m.properties.With("FunctionScalingConfig", f.get("FunctionScalingConfig"))
	}
	f.derive(f.id, "Version", version)
	return f.makeAlias(name.Text, version)
}

func (f *lambda) versionPolicy() *node {
	if policy := f.get("VersionDeletionPolicy"); policy != nil {
		return policy
	}
	if f.get("CapacityProviderConfig") != nil {
		return document.NewString("Delete")
	}
	return document.NewString("Retain")
}

func (f *lambda) makeAlias(name, version string) error {
	if name == "" {
		return invalid(f.id, "Alias name is required to create an alias")
	}
	if !aliasName.MatchString(name) || onlyNumbers.MatchString(name) {
		return invalid(f.id, "AutoPublishAlias name ('%s') must contain only alphanumeric characters, "+
			"hyphens, or underscores "+
			"matching (?!^[0-9]+$)([a-zA-Z0-9-_]+) pattern.", name)
	}
	id := f.id + "Alias" + strings.NewReplacer("-", "D", "_", "U").Replace(name)
	properties := document.NewMap("Name", name, "FunctionName", ref(f.id), "FunctionVersion",
		document.NewMap("Fn::GetAtt", []string{version, "Version"}))
	if concurrency := f.get("ProvisionedConcurrencyConfig"); truthy(concurrency) {
		properties = properties.With("ProvisionedConcurrencyConfig", concurrency)
	}
	f.alias = &made{id: id, typ: "AWS::Lambda::Alias", attributes: f.passed, properties: properties,
		pos: f.pos}
	f.derive(f.id, "Alias", id)
	return nil
}

// codeHash returns what makes the version's id its own. As the translator's, this leaves the values of
// parameters in the code's place, and a hash given by the user in the description.
func (f *lambda) codeHash() (string, error) {
	p := f.function.properties
	sha := f.get("AutoPublishCodeSha256")
	if truthy(sha) {
		sha = f.resolve(sha)
		if !sha.Is(document.String) {
			return "", invalid(f.id, "AutoPublishCodeSha256 must be a string")
		}
		p = p.With("Description", f.described(sha))
	}
	p = p.With("Code", f.resolveMembers(p.Get("Code")))
	f.function.properties = p
	if truthy(sha) {
		return sha.Text[:min(10, len(sha.Text))], nil
	}
	if truthy(f.get("AutoPublishAliasAllProperties")) {
		return digest(f.withLayers(p)), nil
	}
	basis := p.Get("Code")
	if environment := p.Get("Environment"); truthy(environment) {
		for _, e := range environment.Entries {
			basis = basis.With(e.Key, e.Value)
		}
	}
	if memory := p.Get("MemorySize"); truthy(memory) {
		basis = basis.With("MemorySize", memory)
	}
	if start := p.Get("SnapStart"); truthy(start) && start.Has("ApplyOn") &&
		start.Get("ApplyOn").Text != "None" {
		basis = basis.With("SnapStart", start)
	}
	return digest(basis), nil
}

// described returns the description with the hash of the code behind it.
func (f *lambda) described(sha *node) *node {
	description := f.resolve(f.get("Description"))
	switch {
	case !truthy(description):
		return sha
	case description.Is(document.String):
		return document.NewString(description.Text + " " + sha.Text)
	}
	return document.NewMap("Fn::Join", document.NewList(document.NewString(" "),
		document.NewList(description, sha)))
}

// resolveMembers resolves what is inside a map, and leaves the map.
func (f *lambda) resolveMembers(n *node) *node {
	out := n
	for _, e := range n.Entries {
		out = out.With(e.Key, f.resolve(e.Value))
	}
	return out
}

// withLayers adds the layers of the template that ask for a new version of the functions which use them.
func (f *lambda) withLayers(p *node) *node {
	layers := p.Get("Layers")
	if !layers.Is(document.List) {
		return p
	}
	for _, layer := range layers.Items {
		id := idOf(layer)
		if s, ok := f.source(id); ok {
			properties := given(s.node, "Properties")
			if truthy(given(properties, "PublishLambdaVersion")) {
				p = p.With(id, properties)
			}
		}
	}
	return p
}

// idOf returns the logical id in Ref or Fn::GetAtt, "" of anything else.
func idOf(n *node) string {
	name, arg, ok := n.Single()
	switch {
	case !ok:
	case name == "Ref" && arg.Is(document.String):
		return arg.Text
	case name == "Fn::GetAtt" && arg.Is(document.List) && len(arg.Items) == 2 &&
		arg.Items[0].Is(document.String):
		return arg.Items[0].Text
	case name == "Fn::GetAtt" && arg.Is(document.String):
		id, attribute, _ := strings.Cut(arg.Text, ".")
		if attribute != "" && !strings.Contains(attribute, ".") {
			return id
		}
	}
	return ""
}

// makeURL makes the function's URL and, where everybody may call it, the permissions for that.
func (f *lambda) makeURL() error {
	config := f.get("FunctionUrlConfig")
	if !truthy(config) {
		return nil
	}
	auth := given(config, "AuthType")
	if !isIntrinsic(config) && !isIntrinsic(auth) && (!auth.Is(document.String) || auth.Text != "AWS_IAM" &&
		auth.Text != "NONE") {
		return invalid(f.id, "AuthType is required to configure function property `FunctionUrlConfig`. "+
			"Please provide either "+
			"AWS_IAM or NONE.")
	}
	if err := f.checkCors(given(config, "Cors")); err != nil {
		return err
	}
	url := document.NewMap("TargetFunctionArn", f.target(), "AuthType", auth, "InvokeMode", given(config,
		"InvokeMode"))
	if cors := given(config, "Cors"); truthy(cors) {
		url = url.With("Cors", cors)
	}
	f.add(f.id+"Url", "AWS::Lambda::Url", url)
	if !auth.Is(document.String) || auth.Text != "NONE" || isIntrinsic(config) {
		return nil
	}
	f.add(f.id+"UrlPublicPermissions", "AWS::Lambda::Permission", document.NewMap("Action",
		"lambda:InvokeFunctionUrl",
		"FunctionName", f.target(), "Principal", "*", "FunctionUrlAuthType", auth))
	f.add(f.id+"URLInvokeAllowPublicAccess", "AWS::Lambda::Permission", document.NewMap("Action",
		"lambda:InvokeFunction",
		"FunctionName", f.target(), "Principal", "*", "InvokedViaFunctionUrl", true))
	return nil
}

func (f *lambda) checkCors(cors *node) error {
	if !truthy(cors) || isIntrinsic(cors) {
		return nil
	}
	if !cors.Is(document.Map) {
		return invalid(f.id, "Property 'FunctionUrlConfig.Cors' should be a map.")
	}
	for _, e := range cors.Entries {
		want, words := list, "list"
		switch e.Key {
		case "AllowOrigins", "AllowMethods", "AllowHeaders", "ExposeHeaders":
		case "AllowCredentials":
			want, words = boolean, "bool"
		case "MaxAge":
			want, words = integer, "int"
		default:
			return invalid(f.id, "%s is not a valid property for configuring Cors.", e.Key)
		}
		if !isIntrinsic(e.Value) && !want.accepts(e.Value) {
			return invalid(f.id, "%s must be of type %s.", e.Key, words)
		}
	}
	return nil
}
