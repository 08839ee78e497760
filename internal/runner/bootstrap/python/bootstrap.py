# The loop of a Python function: it asks the Runtime API for events, calls the handler, and answers.
import importlib
import json
import logging
import os
import sys
import time
import traceback
from http.client import HTTPConnection

BASE = "/2018-06-01/runtime"
LINE = "\x1e"  # joins the lines of one event of the log
NBSP = "\u00a0"


class Runtime:
    """The Runtime API over one connection."""

    def __init__(self, address):
        self.connection = HTTPConnection(address)

    def call(self, method, path, body=None, headers=None):
        self.connection.request(method, BASE + path, body, headers or {})
        response = self.connection.getresponse()
        return response.status, response.headers, response.read()

    def next(self):
        _, headers, body = self.call("GET", "/invocation/next")
        return headers, body

    def respond(self, request_id, body):
        return self.call("POST", f"/invocation/{request_id}/response", body, {"Content-Type": "application/json"})

    def fail(self, path, error):
        return self.call("POST", path, json.dumps(error, ensure_ascii=False).encode("utf-8", "surrogatepass"),
                         {"Content-Type": "application/json",
                          "Lambda-Runtime-Function-Error-Type": error["errorType"]})


class Failure(Exception):
    """An error of the function's set-up, described as the runtime describes it."""

    def __init__(self, kind, message, trace=()):
        super().__init__(message)
        self.description = {"errorMessage": message, "errorType": kind, "requestId": "", "stackTrace": list(trace)}


class CognitoIdentity:
    def __init__(self):
        self.cognito_identity_id = None
        self.cognito_identity_pool_id = None


class ClientContext:
    def __init__(self, given):
        client = given.get("client") or {}
        self.client = type("Client", (), {name: client.get(name) for name in (
            "installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")})()
        self.custom = given.get("custom")
        self.env = given.get("env")


class Context:
    """What a handler gets beside the event ("AWS Lambda context object in Python")."""

    def __init__(self, headers):
        environ = os.environ
        self.aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.function_name = environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.function_version = environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.memory_limit_in_mb = environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.log_group_name = environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.identity = CognitoIdentity()
        given = headers.get("Lambda-Runtime-Client-Context")
        self.client_context = ClientContext(json.loads(given)) if given else None
        self._deadline = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self):
        return max(self._deadline - int(time.time() * 1000), 0)

    def log(self, message):
        sys.stdout.write(str(message))


class LogFormatter(logging.Formatter):
    """[LEVEL], time, request and message, with tabs between them, as one event."""

    converter = time.gmtime

    def __init__(self):
        super().__init__("[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s", "%Y-%m-%dT%H:%M:%S")

    def format(self, record):
        record.aws_request_id = LogFormatter.request_id
        return super().format(record).replace("\n", LINE)

    request_id = ""


class LogHandler(logging.Handler):
    def emit(self, record):
        sys.stdout.write(self.format(record) + "\n")
        sys.stdout.flush()


def set_up_logging():
    handler = LogHandler()
    handler.setFormatter(LogFormatter())
    logging.getLogger().addHandler(handler)


def frames(error):
    """The lines of a traceback, without the frames of this file."""
    extracted = traceback.extract_tb(error.__traceback__)
    while extracted and extracted[0].filename == __file__:
        extracted = extracted[1:]
    return traceback.format_list(extracted)


def describe(error, request_id=""):
    return {"errorMessage": str(error), "errorType": type(error).__name__, "requestId": request_id,
            "stackTrace": frames(error)}


def print_error(description):
    """One event of the log: what happened and where, with blanks that consoles keep."""
    lines = [f"[ERROR] {description['errorType']}: {description['errorMessage']}"]
    if description["stackTrace"]:
        lines.append("Traceback (most recent call last):")
        for frame in description["stackTrace"]:
            for line in frame.rstrip("\n").split("\n"):
                stripped = line.lstrip(" ")
                lines.append(NBSP * (len(line) - len(stripped)) + stripped)
    sys.stdout.write(LINE.join(lines).replace("\n", LINE) + "\n")
    sys.stdout.flush()


def load(name):
    """Finds the handler that a function is configured with."""
    try:
        module_name, function_name = name.rsplit(".", 1)
    except ValueError as error:
        raise Failure("Runtime.MalformedHandlerName", f"Bad handler '{name}': {error}")
    module_name = module_name.replace("/", ".")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise Failure("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}")
    except SyntaxError as error:
        raise Failure("Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error}",
                      [f"  File \"{error.filename}\" Line {error.lineno}\n    {error.text}"])
    try:
        return getattr(module, function_name)
    except AttributeError:
        raise Failure("Runtime.HandlerNotFound", f"Handler '{function_name}' missing on module '{module_name}'")


def give_up(runtime, description):
    print_error(description)
    runtime.fail("/init/error", description)
    sys.exit(1)


def encode(result):
    try:
        # NaN and the infinities pass, as json.dumps passes them.
        return json.dumps(result, ensure_ascii=False, default=encode_decimal).encode("utf-8", "surrogatepass")
    except (TypeError, ValueError, RecursionError) as error:
        raise Failure("Runtime.MarshalError", f"Unable to marshal response: {error}")


def encode_decimal(value):
    if type(value).__name__ == "Decimal" and type(value).__module__ == "decimal":
        number = float(value)
        return int(number) if number.is_integer() else number
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def handle(runtime, handler, headers, body):
    context = Context(headers)
    request_id = context.aws_request_id
    LogFormatter.request_id = request_id
    os.environ["_X_AMZN_TRACE_ID"] = headers.get("Lambda-Runtime-Trace-Id") or ""
    try:
        try:
            event = json.loads(body)
        except ValueError as error:
            raise Failure("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}")
        answer = encode(handler(event, context))
    except Failure as failure:
        description = dict(failure.description, requestId=request_id)
    except Exception as error:
        description = describe(error, request_id)
    else:
        sys.stdout.flush()
        sys.stderr.flush()
        runtime.respond(request_id, answer)
        return
    print_error(description)
    runtime.fail(f"/invocation/{request_id}/error", description)


def main():
    sys.stdout.reconfigure(line_buffering=True, encoding="utf-8", errors="surrogatepass")
    root = os.environ["LAMBDA_TASK_ROOT"]
    sys.path[0] = root
    runtime = Runtime(os.environ["AWS_LAMBDA_RUNTIME_API"])
    set_up_logging()
    try:
        handler = load(os.environ["_HANDLER"])
    except Failure as failure:
        give_up(runtime, failure.description)
    except Exception as error:
        give_up(runtime, describe(error))
    while True:
        headers, body = runtime.next()
        handle(runtime, handler, headers, body)


if __name__ == "__main__":
    main()
