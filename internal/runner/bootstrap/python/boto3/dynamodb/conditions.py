"""Conditions as Python expressions: Key("a").eq(1) & Attr("b").exists()."""

import re

NAMES = re.compile(r"[^.\[\]]+(?![^\[]*\])")


class ConditionBase:
    def __init__(self, form, *values):
        self._form, self._values = form, values

    def __and__(self, other):
        return self._join("AND", other)

    def __or__(self, other):
        return self._join("OR", other)

    def _join(self, operator, other):
        if not isinstance(other, ConditionBase):
            raise TypeError(f"Both sides of {operator} must be conditions, not {type(other)}")
        return ConditionBase("({0} " + operator + " {1})", self, other)

    def __invert__(self):
        return ConditionBase("(NOT {0})", self)

    def __eq__(self, other):
        return isinstance(other, ConditionBase) and (self._form, self._values) == (other._form, other._values)

    __hash__ = None


class AttributeBase:
    def __init__(self, name):
        self.name = name

    def __eq__(self, other):
        return type(self) is type(other) and self.name == other.name

    __hash__ = None

    def eq(self, value):
        return ConditionBase("{0} = {1}", self, value)

    def lt(self, value):
        return ConditionBase("{0} < {1}", self, value)

    def lte(self, value):
        return ConditionBase("{0} <= {1}", self, value)

    def gt(self, value):
        return ConditionBase("{0} > {1}", self, value)

    def gte(self, value):
        return ConditionBase("{0} >= {1}", self, value)

    def begins_with(self, value):
        return ConditionBase("begins_with({0}, {1})", self, value)

    def between(self, low, high):
        return ConditionBase("{0} BETWEEN {1} AND {2}", self, low, high)


class Key(AttributeBase):
    pass


class Size(AttributeBase):
    pass


class Attr(AttributeBase):
    def ne(self, value):
        return ConditionBase("{0} <> {1}", self, value)

    def is_in(self, values):
        holes = ", ".join("{%d}" % number for number in range(1, len(values) + 1))
        return ConditionBase("{0} IN (" + holes + ")", self, *values)

    def exists(self):
        return ConditionBase("attribute_exists({0})", self)

    def not_exists(self):
        return ConditionBase("attribute_not_exists({0})", self)

    def contains(self, value):
        return ConditionBase("contains({0}, {1})", self, value)

    def size(self):
        return AttrSize(self.name)

    def attribute_type(self, value):
        return ConditionBase("attribute_type({0}, {1})", self, value)


class AttrSize(Attr):
    pass


class BuiltConditionExpression:
    def __init__(self, expression, names, values):
        self.condition_expression = expression
        self.attribute_name_placeholders, self.attribute_value_placeholders = names, values


class ConditionExpressionBuilder:
    """Turns conditions into expressions, with placeholders that are not used twice."""

    def __init__(self):
        self.reset()

    def reset(self):
        self._names, self._values = 0, 0

    def build_expression(self, condition, is_key_condition=False):
        if not isinstance(condition, ConditionBase):
            raise TypeError(f"Type {type(condition)} is not a condition")
        names, values = {}, {}
        return BuiltConditionExpression(self._build(condition, names, values), names, values)

    def _build(self, value, names, values):
        if isinstance(value, ConditionBase):
            return value._form.format(*(self._build(item, names, values) for item in value._values))
        if isinstance(value, AttrSize):
            return f"size({self._name(value.name, names)})"
        if isinstance(value, AttributeBase):
            return self._name(value.name, names)
        placeholder = f":v{self._values}"
        self._values += 1
        values[placeholder] = value
        return placeholder

    def _name(self, path, names):
        def replace(match):
            placeholder = f"#n{self._names}"
            self._names += 1
            names[placeholder] = match.group(0)
            return placeholder
        return NAMES.sub(replace, path)
