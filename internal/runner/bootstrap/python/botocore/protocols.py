"""Requests and responses of the protocols: JSON, Query, and Lambda's REST."""

import base64
import datetime
import io
import json
from urllib.parse import quote, urlencode
from xml.etree import ElementTree

from botocore.services import KMS_BLOBS, SERVICES, TIMES


class Request:
    def __init__(self, method, path, headers, body, query=""):
        self.method, self.path, self.headers, self.body, self.query = method, path, headers, body, query


def encode(service, operation, params):
    protocol, target, version, _ = SERVICES[service]
    if protocol == "json":
        body = json.dumps(plain(params), ensure_ascii=False, separators=(",", ":")).encode("utf-8")
        return Request("POST", "/", {"content-type": "application/x-amz-json-" + version,
                                     "x-amz-target": f"{target}.{operation}"}, body)
    if protocol == "query":
        form = {"Action": operation, "Version": target}
        flatten("", params, form)
        return Request("POST", "/", {"content-type": "application/x-www-form-urlencoded; charset=utf-8"},
                       urlencode(form).encode("ascii"))
    return encode_lambda(operation, params)


def encode_lambda(operation, params):
    if operation != "Invoke":
        raise ValueError("of Lambda's operations functions here have invoke")
    headers = {"content-type": "application/octet-stream"}
    for member, header in (("InvocationType", "x-amz-invocation-type"), ("LogType", "x-amz-log-type"),
                           ("ClientContext", "x-amz-client-context")):
        if member in params:
            headers[header] = params[member]
    body = params.get("Payload", b"")
    body = body.read() if hasattr(body, "read") else body
    body = body.encode("utf-8") if isinstance(body, str) else body
    query = urlencode({"Qualifier": params["Qualifier"]}) if "Qualifier" in params else ""
    return Request("POST", f"/2015-03-31/functions/{quote(params['FunctionName'], safe='')}/invocations", headers, body, query)


def plain(value):
    """What JSON can hold: bytes become base64, times become seconds."""
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(bytes(value)).decode("ascii")
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"Invalid type for parameter key, value: {key}, type: {type(key)}, valid types: <class 'str'>")
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if hasattr(value, "read"):
        return plain(value.read())
    if hasattr(value, "value") and isinstance(value.value, bytes):
        return plain(value.value)  # boto3.dynamodb.types.Binary
    return value


def flatten(prefix, value, form):
    if isinstance(value, dict):
        for name, item in value.items():
            flatten(f"{prefix}.{name}" if prefix else name, item, form)
    elif isinstance(value, (list, tuple)):
        for number, item in enumerate(value, 1):
            flatten(f"{prefix}.member.{number}", item, form)
    elif isinstance(value, bool):
        form[prefix] = "true" if value else "false"
    else:
        form[prefix] = plain(value)


def decode(service, operation, status, headers, body):
    """Returns the error, or None, and what the answer holds."""
    protocol = SERVICES[service][0]
    if protocol == "json":
        return decode_json(service, status, body)
    if protocol == "query":
        return decode_query(operation, status, body)
    return decode_lambda(status, headers, body)


def decode_json(service, status, body):
    answer = json.loads(body) if body else {}
    if status < 300:
        return None, shape(service, answer)
    code = answer.pop("__type", "").rsplit("#", 1)[-1]
    message = answer.pop("message", None) or answer.pop("Message", "")
    answer.pop("Message", None)
    return {"Message": message, "Code": code}, shape(service, answer)


def shape(service, value, name=""):
    """Gives bytes and times the types that boto3 gives them."""
    if isinstance(value, list):
        return [shape(service, item, name) for item in value]
    if not isinstance(value, dict):
        if name in TIMES and isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.datetime.fromtimestamp(value, datetime.timezone.utc)
        if service == "kms" and name in KMS_BLOBS and isinstance(value, str):
            return base64.b64decode(value)
        return value
    if service.startswith("dynamodb") and len(value) == 1:
        (kind, content), = value.items()
        if kind == "B" and isinstance(content, str):
            return {"B": base64.b64decode(content)}
        if kind == "BS" and isinstance(content, list):
            return {"BS": [base64.b64decode(item) for item in content]}
    return {key: shape(service, item, key) for key, item in value.items()}


def decode_query(operation, status, body):
    root = ElementTree.fromstring(body)
    for element in root.iter():
        element.tag = element.tag.rsplit("}", 1)[-1]
    if status < 300:
        result = root.find(operation + "Result")
        content = tree(result) if result is not None else {}
        return None, content if isinstance(content, dict) else {}
    error = root.find("Error")
    return {"Type": error.findtext("Type", ""), "Code": error.findtext("Code", ""), "Message": error.findtext("Message", "")}, {}


def tree(element):
    children = list(element)
    if not children:
        return element.text or ""
    if all(child.tag in ("member", "entry") for child in children):
        if children[0].tag == "entry":
            return {child.findtext("key"): child.findtext("value") for child in children}
        return [tree(child) for child in children]
    found = {}
    for child in children:
        content = tree(child)
        if child.tag in TIMES and isinstance(content, str):
            content = datetime.datetime.fromisoformat(content.replace("Z", "+00:00"))
        found[child.tag] = content
    return found


class StreamingBody(io.BytesIO):
    """The payload of an invocation."""

    def iter_chunks(self, size=1024):
        return iter(lambda: self.read(size), b"")

    def iter_lines(self):
        return iter(self.read().splitlines())


def decode_lambda(status, headers, body):
    if status >= 300:
        answer = json.loads(body) if body else {}
        code = (headers.get("x-amzn-errortype") or answer.get("Type", "")).split(":")[0]
        return {"Message": answer.get("message") or answer.get("Message", ""), "Code": code}, {}
    result = {"StatusCode": status, "Payload": StreamingBody(body)}
    for member, header in (("FunctionError", "x-amz-function-error"), ("LogResult", "x-amz-log-result"),
                           ("ExecutedVersion", "x-amz-executed-version")):
        if headers.get(header):
            result[member] = headers[header]
    return None, result
