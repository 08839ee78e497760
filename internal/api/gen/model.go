package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
)

// model is one service model. Every trait that the models may have is named here; a model with another one is
// refused, so that a trait is never ignored by accident. Traits of type json.RawMessage are known and have no
// bearing on a server.
type model struct {
	Metadata   metadata              `json:"metadata"`
	Operations map[string]*operation `json:"operations"`
	// OtherOperations are the names of those whose shapes the model does not hold, to be refused by name.
	OtherOperations []string          `json:"otherOperations"`
	Shapes          map[string]*shape `json:"shapes"`
	Version         json.RawMessage   `json:"version"`
}

type metadata struct {
	APIVersion          string          `json:"apiVersion"`
	EndpointPrefix      string          `json:"endpointPrefix"`
	SigningName         string          `json:"signingName"`
	JSONVersion         string          `json:"jsonVersion"`
	Protocol            string          `json:"protocol"`
	ServiceFullName     string          `json:"serviceFullName"`
	TargetPrefix        string          `json:"targetPrefix"`
	XMLNamespace        string          `json:"xmlNamespace"`
	Auth                json.RawMessage `json:"auth"`
	GlobalEndpoint      json.RawMessage `json:"globalEndpoint"`
	Protocols           json.RawMessage `json:"protocols"`
	ServiceAbbreviation json.RawMessage `json:"serviceAbbreviation"`
	ServiceID           json.RawMessage `json:"serviceId"`
	SignatureVersion    json.RawMessage `json:"signatureVersion"`
	UID                 json.RawMessage `json:"uid"`
}

type operation struct {
	Name string `json:"name"`
	HTTP struct {
		Method       string `json:"method"`
		RequestURI   string `json:"requestUri"`
		ResponseCode int    `json:"responseCode"`
	} `json:"http"`
	Input  *ref `json:"input"`
	Output *ref `json:"output"`

	Auth                   json.RawMessage `json:"auth"`
	AuthType               json.RawMessage `json:"authtype"`
	Deprecated             json.RawMessage `json:"deprecated"`
	EndpointDiscovery      json.RawMessage `json:"endpointdiscovery"`
	EndpointOperation      json.RawMessage `json:"endpointoperation"`
	Errors                 json.RawMessage `json:"errors"`
	Idempotent             json.RawMessage `json:"idempotent"`
	OperationContextParams json.RawMessage `json:"operationContextParams"`
	ReadOnly               json.RawMessage `json:"readonly"`
}

// ref is a use of a shape: a member, an element, a key, an input.
type ref struct {
	Shape         string `json:"shape"`
	ResultWrapper string `json:"resultWrapper"`
	Location      string `json:"location"` // uri, querystring, header, statusCode; empty: the body
	LocationName  string `json:"locationName"`

	ContextParam      json.RawMessage `json:"contextParam"`
	Deprecated        json.RawMessage `json:"deprecated"`
	DeprecatedMessage json.RawMessage `json:"deprecatedMessage"`
	EventPayload      json.RawMessage `json:"eventpayload"`
	IdempotencyToken  json.RawMessage `json:"idempotencyToken"`
}

type shape struct {
	Name      string          `json:"-"`
	Type      string          `json:"type"`
	Members   map[string]*ref `json:"members"`
	Required  []string        `json:"required"`
	Member    *ref            `json:"member"`
	Key       *ref            `json:"key"`
	Value     *ref            `json:"value"`
	Enum      []string        `json:"enum"`
	Min       *float64        `json:"min"`
	Max       *float64        `json:"max"`
	Pattern   string          `json:"pattern"`
	Sensitive bool            `json:"sensitive"`
	Exception bool            `json:"exception"`
	Fault     bool            `json:"fault"`
	Payload   string          `json:"payload"`
	// EventStream marks a stream of events, which is not a structure on the wire. Its members are left out.
	EventStream bool `json:"eventstream"`
	Error       struct {
		Code           string `json:"code"`
		HTTPStatusCode int    `json:"httpStatusCode"`
		SenderFault    bool   `json:"senderFault"`
	} `json:"error"`

	Box               json.RawMessage `json:"box"`
	Deprecated        json.RawMessage `json:"deprecated"`
	DeprecatedMessage json.RawMessage `json:"deprecatedMessage"`
	Event             json.RawMessage `json:"event"`
	Retryable         json.RawMessage `json:"retryable"`
	Streaming         json.RawMessage `json:"streaming"`
	Synthetic         json.RawMessage `json:"synthetic"`
}

func loadModel(path string) (*model, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	m := &model{}
	if err := decoder.Decode(m); err != nil {
		return nil, fmt.Errorf("%s: %w (teach the generator this trait first)", path, err)
	}
	for name, s := range m.Shapes {
		s.Name = name
	}
	return m, nil
}

// credentialScope is the service's name in signatures.
func (m *metadata) credentialScope() string {
	if m.SigningName != "" {
		return m.SigningName
	}
	return m.EndpointPrefix
}

func sortedKeys[T any](entries map[string]T) []string { return slices.Sorted(maps.Keys(entries)) }
