package main

import (
	"fmt"
	"strconv"
	"strings"
)

// writeOperations writes the description of the service and a function for every operation.
func (p *plan) writeOperations(out *source) error {
	md := p.Metadata
	out.line("// Describe describes the service and lists its operations.")
	out.line("func Describe() api.ServiceInfo {\nreturn api.ServiceInfo{")
	out.line("Name: %q, FullName: %q, Protocol: %q,", md.credentialScope(), md.ServiceFullName, md.Protocol)
	out.line("APIVersion: %q, JSONVersion: %q, TargetPrefix: %q,", md.APIVersion, md.JSONVersion,
		md.TargetPrefix)
	out.line("XMLNamespace: %q,\nOperations: Operations(),\n}\n}\n", md.XMLNamespace)
	out.line("// Operations lists the service's operations by name.")
	out.line("func Operations() []api.OperationInfo {\nreturn []api.OperationInfo{")
	for _, name := range sortedKeys(p.Operations) {
		op := p.Operations[name]
		out.line("api.DescribeOperation(%q, %q, %q, %q, %q,\n%q),", name, exported(op.Input.Shape),
			exported(op.Output.Shape),
			op.HTTP.Method, op.HTTP.RequestURI,
			strings.Join(sortedKeys(p.Shapes[op.Input.Shape].Members), " "))
	}
	for _, name := range p.OtherOperations {
		out.line("api.DescribeOperation(%q, \"\", \"\", \"\", \"\",\n\"\"),", name)
	}
	out.line("}\n}\n")
	for _, name := range sortedKeys(p.Operations) {
		if err := p.writeOperation(out, p.Operations[name]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func path(op *operation) string {
	path, _, _ := strings.Cut(op.HTTP.RequestURI, "?")
	return path
}

func (p *plan) writeOperation(out *source, op *operation) error {
	in, result := exported(op.Input.Shape), exported(op.Output.Shape)
	out.line("func %s() api.Operation[%s, %s] {\nreturn api.Operation[%[2]s, %[3]s]{", op.Name, in, result)
	out.line("Service: %q, Name: %q,", p.Metadata.credentialScope(), op.Name)
	out.line("Validate: (*%s).Validate,\nPresent: (*%[1]s).Present,", in)
	hasOutput := op.Output.Location == ""
	if !p.isJSON() {
		out.line("ReadForm: func(f *api.Form, in *%s) error { return in.ReadForm(f) },", in)
		body := "nil"
		if hasOutput {
			body = "out.AppendXML"
		}
		out.line("AppendXML: func(dst []byte, out *%s, requestID string) []byte {\nreturn "+
			"api.XMLResponse(dst, %q, %q, requestID, %s)\n},",
			result, p.Metadata.XMLNamespace, op.Name, body)
	} else {
		p.writeBody(out, op, hasOutput)
	}
	if p.Metadata.Protocol == "rest-json" {
		if err := p.writeBinding(out, op); err != nil {
			return err
		}
	}
	out.line("}\n}\n")
	return nil
}

func (p *plan) writeBody(out *source, op *operation, hasOutput bool) {
	input, output := p.Shapes[op.Input.Shape], p.Shapes[op.Output.Shape]
	in, result := exported(input.Name), exported(output.Name)
	switch {
	case input.Payload != "" && p.kindOf(p.Shapes[input.Members[input.Payload].Shape]) == structKind:
		payload := input.Members[input.Payload]
		out.line("Read: func(r *strictjson.Reader, in *%s) error {\nin.%s = new(%s)\nreturn "+
			"in.%[2]s.ReadJSON(r)\n},",
			in, exported(input.Payload), exported(payload.Shape))
	case input.Payload == "" && (p.Metadata.Protocol == "json" || len(p.bodyMembers(input)) > 0):
		out.line("Read: func(r *strictjson.Reader, in *%s) error { return in.ReadJSON(r) },", in)
	}
	switch {
	case !hasOutput || p.Metadata.Protocol == "rest-json" && p.Shapes[output.Name].Payload == "" &&
		len(p.bodyMembers(output)) == 0:
		out.line("Append: func(dst []byte, _ *%s) []byte { return dst },", result)
	case output.Payload != "" && p.Shapes[output.Members[output.Payload].Shape].EventStream:
		out.line("Append: func(dst []byte, _ *%s) []byte { return dst },", result)
	case output.Payload != "":
		out.line("Append: func(dst []byte, out *%s) []byte { return append(dst, out.%s...) },", result,
			exported(output.Payload))
	default:
		out.line("Append: func(dst []byte, out *%s) []byte { return out.AppendJSON(dst) },", result)
	}
}

// writeBinding writes the HTTP binding of a REST operation.
func (p *plan) writeBinding(out *source, op *operation) error {
	input, output := p.Shapes[op.Input.Shape], p.Shapes[op.Output.Shape]
	in, result := exported(input.Name), exported(output.Name)
	_, query, _ := strings.Cut(op.HTTP.RequestURI, "?")
	out.line("HTTP: &api.Binding[%s, %s]{\nMethod: %q, Path: %q, Query: %q, Status: %d,", in, result,
		op.HTTP.Method, path(op),
		query, op.HTTP.ResponseCode)
	if err := p.writeParams(out, input); err != nil {
		return err
	}
	if payload := input.Members[input.Payload]; payload != nil &&
		p.kindOf(p.Shapes[payload.Shape]) == blobKind {
		out.line("ReadBody: func(in *%s, body []byte) { in.%s = append([]byte{}, body...) },", in,
			exported(input.Payload))
	}
	if output.Payload != "" && !p.Shapes[output.Members[output.Payload].Shape].EventStream {
		if p.kindOf(p.Shapes[output.Members[output.Payload].Shape]) != blobKind {
			return fmt.Errorf("a payload that is no blob in an output")
		}
		out.line("Raw: true,")
	}
	p.writeHeaders(out, output)
	out.line("},")
	return nil
}

func (p *plan) writeParams(out *source, input *shape) error {
	var params, cases source
	for _, m := range p.members(input) {
		place := map[string]string{"uri": "api.InPath", "querystring": "api.InQuery",
			"header": "api.InHeader"}[m.Location]
		if m.Location == "" {
			continue
		}
		method := scalarName(m.kind)
		if m.kind == listKind && p.kindOf(p.Shapes[m.shape.Member.Shape]) == textKind {
			method = "Texts"
		} else if m.kind > timeKind || m.kind == floatKind || place == "" {
			return fmt.Errorf("%s: a parameter of type %s in %q", m.name, m.shape.Type, m.Location)
		}
		params.line("{Member: %q, Name: %q, In: %s},", m.name, m.LocationName, place)
		cases.line("case %s:\nreturn api.Set%s(&in.%s, p, values)", strconv.Quote(m.name), method, m.field)
	}
	if params.Len() == 0 {
		return nil
	}
	out.line("Params: []api.Param{\n%s},", params.String())
	out.line("Set: func(in *%s, p api.Param, values []string) error {\nswitch p.Member {\n%s}\nreturn "+
		"api.UnknownParam(%q, p)\n},",
		exported(input.Name), cases.String(), input.Name)
	return nil
}

func (p *plan) writeHeaders(out *source, output *shape) {
	var headers source
	for _, m := range p.members(output) {
		switch m.Location {
		case "header":
			headers.line("api.HeaderText(set, %q, out.%s)", m.LocationName, m.field)
		case "statusCode":
			out.line("StatusOf: func(out *%s) int { return api.StatusIn(out.%s) },", exported(output.Name),
				m.field)
		}
	}
	if headers.Len() > 0 {
		out.line("Headers: func(out *%s, set func(name, value string)) {\n%s},", exported(output.Name),
			headers.String())
	}
}

// writeErrors writes a constructor for every error shape.
func (p *plan) writeErrors(out *source) error {
	for _, name := range sortedKeys(p.Shapes) {
		if s := p.Shapes[name]; s.Exception {
			p.writeError(out, s)
		}
	}
	return nil
}

func (p *plan) writeError(out *source, s *shape) {
	code, status := s.Error.Code, s.Error.HTTPStatusCode
	if code == "" {
		code = s.Name
	}
	if status == 0 && s.Fault {
		status = 500
	} else if status == 0 {
		status = 400
	}
	var parameters, detail source
	if p.Metadata.Protocol == "rest-json" && s.Members["Type"] != nil {
		fault := "User"
		if s.Fault {
			fault = "Service"
		}
		detail.line("dst = strictjson.AppendString(strictjson.AppendName(dst, \"Type\"), %q)", fault)
	}
	for _, m := range p.extras(s) {
		argument := strings.ToLower(m.name[:1]) + m.name[1:]
		fmt.Fprintf(&parameters, ", %s %s", argument, p.fieldType(m.shape))
		detail.line("%s", p.appendMember(m, argument))
	}
	out.line("// %s makes the error of the same name.\nfunc %[1]s(message string%s) *api.Error {",
		exported(s.Name), parameters.String())
	if detail.Len() == 0 {
		out.line("return &api.Error{Code: %q, Message: message, Status: %d}\n}\n", code, status)
		return
	}
	out.line("return &api.Error{Code: %q, Message: message, Status: %d, Detail: func(dst []byte) []byte {",
		code, status)
	out.line("%sreturn dst\n}}\n}\n", detail.String())
}
