"""Makes calls with boto3, as it is installed. Reads one call per line of standard input, and writes one answer per line.

A call is {"service", "region", "id", "secret", "operation", "parameters"}, and optionally "token" (of a session) and "how": "paginate" (all pages as one),
"wait" (operation is a waiter's name) or "unchecked" (without boto's own validation). Bytes are {"$bytes": BASE64}; times are
seconds since 1970.
"""
import base64
import datetime
import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

session = boto3.session.Session(aws_access_key_id="none", aws_secret_access_key="none")
clients = {}


def client(call):
    checked = call.get("how") != "unchecked"
    token = call.get("token") or None
    name = (call["service"], call["region"], call["id"], call["secret"], token, checked)
    if name not in clients:
        clients[name] = session.client(
            call["service"], region_name=call["region"], endpoint_url=sys.argv[1], aws_access_key_id=call["id"],
            aws_secret_access_key=call["secret"], aws_session_token=token,
            config=Config(retries={"max_attempts": 0}, parameter_validation=checked))
    return clients[name]


def decoded(value):
    if isinstance(value, dict):
        if list(value) == ["$bytes"]:
            return base64.b64decode(value["$bytes"])
        return {k: decoded(v) for k, v in value.items()}
    if isinstance(value, list):
        return [decoded(v) for v in value]
    return value


def encoded(value):
    if isinstance(value, (bytes, bytearray)):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    raise TypeError(type(value))


def answer(call):
    c, operation, parameters = client(call), call["operation"], decoded(call["parameters"])
    try:
        if call.get("how") == "paginate":
            result = c.get_paginator(operation).paginate(**parameters).build_full_result()
        elif call.get("how") == "wait":
            result = c.get_waiter(operation).wait(**parameters) or {}
        else:
            result = getattr(c, operation)(**parameters)
            del result["ResponseMetadata"]
        return {"ok": result}
    except ClientError as e:
        e.response.setdefault("Error", {})
        status = e.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        more = {k: v for k, v in e.response.items() if k not in ("Error", "ResponseMetadata")}
        return {"code": e.response["Error"].get("Code"), "message": e.response["Error"].get("Message"), "status": status, "more": more}
    except (BotoCoreError, AttributeError, KeyError, TypeError, ValueError) as e:
        return {"code": "client:" + type(e).__name__, "message": str(e)}


for line in sys.stdin:
    print(json.dumps(answer(json.loads(line)), default=encoded), flush=True)
