"""Python values and DynamoDB's attribute values."""

from collections.abc import Mapping, Set
from decimal import Clamped, Context, Decimal, Inexact, Overflow, Rounded, Underflow

DYNAMODB_CONTEXT = Context(Emin=-128, Emax=126, prec=38, traps=[Clamped, Overflow, Inexact, Rounded, Underflow])


class Binary:
    def __init__(self, value):
        if not isinstance(value, (bytes, bytearray)):
            raise TypeError("Value must be of the following types: bytearray, bytes.")
        self.value = bytes(value)

    def __eq__(self, other):
        return self.value == (other.value if isinstance(other, Binary) else other)

    def __ne__(self, other):
        return not self == other

    def __bytes__(self):
        return self.value

    def __str__(self):
        return str(self.value)

    def __repr__(self):
        return f"Binary({self.value!r})"

    def __hash__(self):
        return hash(self.value)


def _is_number(value):
    return isinstance(value, (int, Decimal)) and not isinstance(value, bool)


def _is_binary(value):
    return isinstance(value, (Binary, bytes, bytearray))


class TypeSerializer:
    def serialize(self, value):
        if value is None:
            return {"NULL": True}
        if isinstance(value, bool):
            return {"BOOL": value}
        if isinstance(value, float):
            raise TypeError("Float types are not supported. Use Decimal types instead.")
        if _is_number(value):
            return {"N": self._number(value)}
        if isinstance(value, str):
            return {"S": value}
        if _is_binary(value):
            return {"B": value.value if isinstance(value, Binary) else bytes(value)}
        if isinstance(value, Set):
            return self._set(value)
        if isinstance(value, Mapping):
            return {"M": {name: self.serialize(item) for name, item in value.items()}}
        if isinstance(value, (list, tuple)):
            return {"L": [self.serialize(item) for item in value]}
        raise TypeError(f"Unsupported type \"{type(value)}\" for value \"{value}\"")

    @staticmethod
    def _number(value):
        number = str(DYNAMODB_CONTEXT.create_decimal(value))
        if number in ("Infinity", "-Infinity", "NaN"):
            raise TypeError("Infinity and NaN not supported")
        return number

    def _set(self, value):
        if value and all(_is_number(item) for item in value):
            return {"NS": [self._number(item) for item in value]}
        if value and all(isinstance(item, str) for item in value):
            return {"SS": list(value)}
        if value and all(_is_binary(item) for item in value):
            return {"BS": [bytes(item) for item in value]}
        raise TypeError(f"Unsupported type \"{type(value)}\" for value \"{value}\"")


class TypeDeserializer:
    def deserialize(self, value):
        if not value or len(value) != 1:
            raise TypeError("Value must be a nonempty dictionary whose key is a valid dynamodb type.")
        (kind, content), = value.items()
        try:
            read = getattr(self, f"_deserialize_{kind.lower()}")
        except AttributeError:
            raise TypeError(f"Dynamodb type {kind} is not supported")
        return read(content)

    def _deserialize_null(self, content):
        return None

    def _deserialize_bool(self, content):
        return content

    def _deserialize_n(self, content):
        return DYNAMODB_CONTEXT.create_decimal(content)

    def _deserialize_s(self, content):
        return content

    def _deserialize_b(self, content):
        return Binary(content)

    def _deserialize_ns(self, content):
        return {self._deserialize_n(item) for item in content}

    def _deserialize_ss(self, content):
        return set(content)

    def _deserialize_bs(self, content):
        return {self._deserialize_b(item) for item in content}

    def _deserialize_l(self, content):
        return [self.deserialize(item) for item in content]

    def _deserialize_m(self, content):
        return {name: self.deserialize(item) for name, item in content.items()}
