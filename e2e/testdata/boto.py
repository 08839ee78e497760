"""Makes calls with boto3, as it is installed. Reads one call per line of standard input, and writes one answer per line.

A call is {"service", "region", "id", "secret", "operation", "parameters"}, and optionally "token" (of a session) and "how": "paginate" (all pages as one),
"wait" (operation is a waiter's name) or "unchecked" (without boto's own validation). Bytes are in base64; times are seconds since
1970. What this boto3 does not know of a call is named in "tooOld", what it does not know of the answer in "unread".
"""
import base64
import datetime
import json
import sys

import boto3
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

session = boto3.session.Session(aws_access_key_id="none", aws_secret_access_key="none")
clients = {}
unread = []  # members of the last answer that the model does not have


class TooOld(Exception):
    pass


def note_unread(http_response, model, **_):
    if http_response.status_code == 200 and model.output_shape and http_response.headers["Content-Type"].startswith("application/x-amz-json"):
        walk(json.loads(http_response.content or "{}"), model.output_shape, "", unread.append)


def client(call):
    checked = call.get("how") != "unchecked"
    token = call.get("token") or None
    name = (call["service"], call["region"], call["id"], call["secret"], token, checked)
    if name not in clients:
        clients[name] = session.client(
            call["service"], region_name=call["region"], endpoint_url=sys.argv[1], aws_access_key_id=call["id"],
            aws_secret_access_key=call["secret"], aws_session_token=token,
            config=Config(retries={"max_attempts": 0}, parameter_validation=checked))
        clients[name].meta.events.register("after-call", note_unread)
    return clients[name]


def walk(value, shape, path, unknown):
    """Gives a value with its bytes decoded, and tells of members that the shape does not have."""
    if shape.type_name == "structure" and isinstance(value, dict):
        for name in value.keys() - shape.members.keys():
            unknown((path + "." + name).lstrip("."))
        return {k: walk(v, shape.members[k], path + "." + k, unknown) if k in shape.members else v for k, v in value.items()}
    if shape.type_name == "map" and isinstance(value, dict):
        return {k: walk(v, shape.value, path, unknown) for k, v in value.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [walk(v, shape.member, path, unknown) for v in value]
    if shape.type_name == "blob" and isinstance(value, str):
        return base64.b64decode(value)
    return value


def encoded(value):
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    raise TypeError(type(value))


def refuse(member):
    raise TooOld("it does not know " + member)


def parameters_of(c, call):
    operation = call["operation"]
    if operation not in c.meta.service_model.operation_names:
        raise TooOld("it does not know the operation")
    shape = c.meta.service_model.operation_model(operation).input_shape
    return walk(call["parameters"], shape, "", refuse) if shape else call["parameters"]


def result_of(call):
    c, name = client(call), xform_name(call["operation"])
    if call.get("how") == "wait":
        return c.get_waiter(name).wait(**call["parameters"]) or {}
    parameters = parameters_of(c, call)
    if call.get("how") == "paginate":
        return c.get_paginator(name).paginate(**parameters).build_full_result()
    result = getattr(c, name)(**parameters)
    del result["ResponseMetadata"]
    return result


def answer(call):
    unread.clear()
    try:
        result = result_of(call)
        return {"ok": result, "unread": ", ".join(sorted(set(unread)))} if unread else {"ok": result}
    except ClientError as e:
        e.response.setdefault("Error", {})
        status = e.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        more = {k: v for k, v in e.response.items() if k not in ("Error", "ResponseMetadata")}
        return {"code": e.response["Error"].get("Code"), "message": e.response["Error"].get("Message"), "status": status, "more": more}
    except TooOld as e:
        return {"tooOld": str(e)}
    except ParamValidationError as e:
        return {"tooOld": "it refuses the parameters: " + str(e).replace("\n", " ")}
    except (BotoCoreError, AttributeError, KeyError, TypeError, ValueError) as e:
        return {"code": "client:" + type(e).__name__, "message": str(e)}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line)), default=encoded), flush=True)
