"""The resource of DynamoDB: tables whose items are Python values."""

from boto3.dynamodb.conditions import ConditionBase, ConditionExpressionBuilder
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

# The members of requests and responses whose values are items, attribute values, or maps of tables of them.
ITEMS = frozenset(("Item", "Key", "ExclusiveStartKey", "LastEvaluatedKey", "Attributes", "ExpressionAttributeValues",
                   "ItemCollectionKey"))
LISTS = frozenset(("Items", "Keys"))
CONDITIONS = ("KeyConditionExpression", "FilterExpression", "ConditionExpression")

_serializer, _deserializer = TypeSerializer(), TypeDeserializer()


def _each(value, change, name=""):
    """Changes the attribute values in a request or response."""
    if name in ITEMS and isinstance(value, dict):
        return {attribute: change(content) for attribute, content in value.items()}
    if name == "Responses" and isinstance(value, dict):
        return {table: [{k: change(v) for k, v in item.items()} for item in items] for table, items in value.items()}
    if isinstance(value, dict):
        return {key: _each(item, change, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_each(item, change, "Item" if name in LISTS else "") for item in value]
    return value


def to_request(params):
    params = dict(params)
    builder = ConditionExpressionBuilder()
    for name in CONDITIONS:
        if isinstance(params.get(name), ConditionBase):
            built = builder.build_expression(params[name], name == "KeyConditionExpression")
            params[name] = built.condition_expression
            for member, placeholders in (("ExpressionAttributeNames", built.attribute_name_placeholders),
                                         ("ExpressionAttributeValues", built.attribute_value_placeholders)):
                if placeholders:
                    params[member] = {**params.get(member, {}), **placeholders}
    return _each(params, _serializer.serialize)


def from_response(response):
    metadata = response.pop("ResponseMetadata")
    response = _each(response, _deserializer.deserialize)
    response["ResponseMetadata"] = metadata
    return response


class Table:
    def __init__(self, name, client):
        self.name = self.table_name = name
        self.meta = type("ResourceMeta", (), {"client": client})()
        self._client = client
        self._description = None

    def __eq__(self, other):
        return isinstance(other, Table) and self.name == other.name

    def __hash__(self):
        return hash(self.name)

    def __repr__(self):
        return f"dynamodb.Table(name='{self.name}')"

    def _call(self, operation, params):
        return from_response(self._client._call(operation, to_request({"TableName": self.name, **params})))

    def put_item(self, **params):
        return self._call("PutItem", params)

    def get_item(self, **params):
        return self._call("GetItem", params)

    def update_item(self, **params):
        return self._call("UpdateItem", params)

    def delete_item(self, **params):
        return self._call("DeleteItem", params)

    def query(self, **params):
        return self._call("Query", params)

    def scan(self, **params):
        return self._call("Scan", params)

    def delete(self, **params):
        return self._client._call("DeleteTable", {"TableName": self.name, **params})

    def update(self, **params):
        return self._client._call("UpdateTable", {"TableName": self.name, **params})

    def load(self):
        self._description = self._client._call("DescribeTable", {"TableName": self.name})["Table"]

    reload = load

    def wait_until_exists(self):
        self._client.get_waiter("table_exists").wait(TableName=self.name)
        self.load()

    def wait_until_not_exists(self):
        self._client.get_waiter("table_not_exists").wait(TableName=self.name)

    def batch_writer(self, overwrite_by_pkeys=None):
        return BatchWriter(self.name, self._client, overwrite_by_pkeys)

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        if self._description is None:
            self.load()
        known = {"table_arn": "TableArn", "table_id": "TableId", "sse_description": "SSEDescription"}
        return self._description.get(known.get(name, "".join(word.capitalize() for word in name.split("_"))))


class BatchWriter:
    """Gathers puts and deletes, and sends 25 of them at a time until all are written."""

    SIZE = 25

    def __init__(self, name, client, keys=None):
        self._name, self._client, self._keys, self._pending = name, client, keys, []

    def put_item(self, Item):
        self._add({"PutRequest": {"Item": Item}}, Item)

    def delete_item(self, Key):
        self._add({"DeleteRequest": {"Key": Key}}, Key)

    def _add(self, request, item):
        if self._keys:
            key = [item[name] for name in self._keys]
            self._pending = [(k, r) for k, r in self._pending if k != key]
            self._pending.append((key, request))
        else:
            self._pending.append((None, request))
        if len(self._pending) >= self.SIZE:
            self._flush()

    def _flush(self):
        now, self._pending = self._pending[:self.SIZE], self._pending[self.SIZE:]
        requests = _each({"list": [request for _, request in now]}, _serializer.serialize)["list"]
        answer = self._client._call("BatchWriteItem", {"RequestItems": {self._name: requests}})
        for request in answer.get("UnprocessedItems", {}).get(self._name, []):
            self._pending.append((None, _each(request, _deserializer.deserialize)))

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            while self._pending:
                self._flush()


class ServiceResource:
    def __init__(self, client):
        self.meta = type("ResourceMeta", (), {"client": client})()
        self._client = client

    def Table(self, name):
        return Table(name, self._client)

    def create_table(self, **params):
        return Table(self._client._call("CreateTable", params)["TableDescription"]["TableName"], self._client)

    def batch_get_item(self, **params):
        return from_response(self._client._call("BatchGetItem", to_request(params)))

    def batch_write_item(self, **params):
        requests = params.pop("RequestItems")
        params["RequestItems"] = {name: _each(list_, _serializer.serialize) for name, list_ in requests.items()}
        return from_response(self._client._call("BatchWriteItem", params))
