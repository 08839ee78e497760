package dynamodb

import (
	"errors"
	"strings"

	"github.com/sealtable/sealtable/internal/api"
	"github.com/sealtable/sealtable/internal/api/dynamodbapi"
	"github.com/sealtable/sealtable/internal/attribute"
	"github.com/sealtable/sealtable/internal/engine"
	"github.com/sealtable/sealtable/internal/expression"
)

// parameter is a member of a request that belongs to one of the two forms in which DynamoDB takes conditions,
// projections and updates: expressions, and the legacy parameters that came before them.
type parameter struct {
	name  string
	given bool
}

// checkForms refuses a request that mixes the two forms.
func checkForms(expressions, legacy []parameter) error {
	if !anyGiven(expressions) || !anyGiven(legacy) {
		return nil
	}
	return invalid("Can not use both expression and non-expression parameters in the same request: "+
		"Non-expression parameters: {%s} Expression parameters: {%s}",
		givenNames(legacy), givenNames(expressions))
}

func anyGiven(parameters []parameter) bool {
	for _, p := range parameters {
		if p.given {
			return true
		}
	}
	return false
}

func givenNames(parameters []parameter) string {
	var names []string
	for _, p := range parameters {
		if p.given {
			names = append(names, p.name)
		}
	}
	return strings.Join(names, ", ")
}

// conditioned is what conditional writes have in common: the condition in either form, and the placeholders.
type conditioned struct {
	expression *string
	names      map[string]string
	values     attribute.Item
	expected   map[string]dynamodbapi.ExpectedAttributeValue
	operator   *string
}

func (c *conditioned) checkForms() error {
	if c.expected == nil && c.operator == nil {
		return nil
	}
	return checkForms([]parameter{{"ConditionExpression", c.expression != nil}},
		[]parameter{{"Expected", c.expected != nil}, {"ConditionalOperator", c.operator != nil}})
}

// compile compiles the condition; nil is no condition. The expression is all that may use the placeholders.
func (c *conditioned) compile() (engine.Condition, error) {
	legacy, err := c.legacy()
	if err != nil || c.expression == nil && c.names == nil && c.values == nil {
		return legacy, err
	}
	scope := expression.NewScope(c.names, c.values, "ConditionExpression")
	condition, err := c.within(scope)
	if err != nil {
		return nil, err
	}
	if err := scope.Finish(); err != nil {
		return nil, expressionRefusal(err)
	}
	if condition == nil {
		return legacy, nil
	}
	return condition, nil
}

// within compiles the expression with placeholders that it may share with others.
func (c *conditioned) within(scope *expression.Scope) (engine.Condition, error) {
	if c.expression == nil {
		return nil, nil
	}
	compiled, err := scope.Condition(*c.expression)
	if err != nil {
		return nil, expressionRefusal(err)
	}
	return compiled.Holds, nil
}

// legacy compiles Expected.
func (c *conditioned) legacy() (engine.Condition, error) {
	if c.expected == nil && c.operator == nil {
		return nil, nil
	}
	expected := make(map[string]expression.LegacyExpectation, len(c.expected))
	for name, e := range c.expected {
		expected[name] = expression.LegacyExpectation{
			Operator: api.Text(e.ComparisonOperator), Values: e.AttributeValueList, Value: e.Value,
			Exists: e.Exists,
		}
	}
	compiled, err := expression.Expected(expected, api.Text(c.operator))
	if err != nil {
		return nil, expressionRefusal(err)
	}
	return compiled.Holds, nil
}

// legacyConditions are QueryFilter, ScanFilter or KeyConditions as internal/expression takes them.
func legacyConditions(given map[string]dynamodbapi.Condition) map[string]expression.LegacyCondition {
	out := make(map[string]expression.LegacyCondition, len(given))
	for name, c := range given {
		out[name] = expression.LegacyCondition{Operator: api.Text(c.ComparisonOperator),
			Values: c.AttributeValueList}
	}
	return out
}

func expressionRefusal(err error) error {
	var wrong *expression.Error
	if errors.As(err, &wrong) {
		return invalid("%s", wrong.Message)
	}
	return err
}
