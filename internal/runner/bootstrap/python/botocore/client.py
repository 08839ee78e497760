"""The client of one service in one Region."""

import http.client
import random
import re
import socket
import threading
import time
from urllib.parse import urlsplit

from botocore import protocols
from botocore.exceptions import (
    ClientError, EndpointConnectionError, HTTPClientError, NoCredentialsError, OperationNotPageableError, ParamValidationError,
    ReadTimeoutError, WaiterError)
from botocore.services import PAGES, SERVICES, WAITERS
from botocore.signing import sign

RETRIED = frozenset((
    "ProvisionedThroughputExceededException", "ThrottlingException", "Throttling", "RequestLimitExceeded", "LimitExceededException",
    "TransactionInProgressException", "InternalServerError", "InternalFailure", "ServiceUnavailable", "KMSInternalException"))


def operation_of(name):
    """put_item is PutItem. Abbreviations keep their capitals where a service spells them so."""
    words = "".join(word.capitalize() for word in name.split("_"))
    return re.sub(r"Mfa(?=[A-Z]|$)", "MFA", words)


class Meta:
    def __init__(self, client, service, region, endpoint):
        self.region_name, self.endpoint_url = region, endpoint
        self.service_model = type("ServiceModel", (), {"service_name": service, "signing_name": SERVICES[service][3]})()
        self.client = client


class Exceptions:
    """Classes of the errors of a service, made as they are asked for."""

    ClientError = ClientError

    def __init__(self):
        self._classes = {}

    def __getattr__(self, code):
        if code.startswith("_"):
            raise AttributeError(code)
        return self._classes.setdefault(code, type(code, (ClientError,), {}))

    def from_code(self, code):
        return getattr(self, re.sub(r"\W", "", code)) if code else ClientError


class Client:
    def __init__(self, service, region, endpoint, credentials, config=None):
        self._service, self._region = service, region
        self._credentials, self._config = credentials, config
        self._endpoint = urlsplit(endpoint)
        self._local = threading.local()
        self.meta = Meta(self, service, region, endpoint)
        self.exceptions = Exceptions()

    def __getattr__(self, name):
        if name.startswith("_") or not name.islower():
            raise AttributeError(f"'{self._service}' object has no attribute '{name}'")
        operation = operation_of(name)

        def call(*args, **params):
            if args:
                raise TypeError(f"{name}() only accepts keyword arguments.")
            return self._call(operation, params)

        call.__name__ = name
        return call

    def close(self):
        connection = getattr(self._local, "connection", None)
        if connection:
            connection.close()

    def can_paginate(self, name):
        return (self._service, operation_of(name)) in PAGES

    def get_paginator(self, name):
        if not self.can_paginate(name):
            raise OperationNotPageableError(operation_name=name)
        return Paginator(self, operation_of(name))

    def get_waiter(self, name):
        if (self._service, name) not in WAITERS:
            raise ValueError(f"Waiter does not exist: {name}")
        return Waiter(self, name)

    @property
    def waiter_names(self):
        return [name for service, name in WAITERS if service == self._service]

    def _call(self, operation, params):
        if not self._credentials.access_key:
            raise NoCredentialsError()
        try:
            request = protocols.encode(self._service, operation, params)
        except (TypeError, ValueError) as error:
            raise ParamValidationError(report=str(error))
        attempts = self._attempts()
        for attempt in range(attempts):
            last = attempt == attempts - 1
            try:
                status, headers, body = self._send(request)
            except HTTPClientError:
                if last:
                    raise
                self._pause(attempt)
                continue
            error, result = protocols.decode(self._service, operation, status, headers, body)
            result["ResponseMetadata"] = self._metadata(status, headers, attempt)
            if error is None:
                return result
            if last or not (status >= 500 or error["Code"] in RETRIED):
                result["ResponseMetadata"]["MaxAttemptsReached"] = last and attempts > 1
                raise self._error(error, result, operation)
            self._pause(attempt)

    def _error(self, error, result, operation):
        result["Error"] = error
        if not result["ResponseMetadata"]["MaxAttemptsReached"]:
            del result["ResponseMetadata"]["MaxAttemptsReached"]
        return self.exceptions.from_code(error["Code"])(result, operation)

    def _attempts(self):
        retries = getattr(self._config, "retries", None) or {}
        if "total_max_attempts" in retries:
            return retries["total_max_attempts"]
        if "max_attempts" in retries:
            return retries["max_attempts"] + 1
        return 10 if self._service.startswith("dynamodb") else 5

    @staticmethod
    def _pause(attempt):
        time.sleep(random.random() * min(0.05 * 2 ** attempt, 5))

    @staticmethod
    def _metadata(status, headers, attempt):
        lower = {name.lower(): value for name, value in headers.items()}
        return {"RequestId": lower.get("x-amzn-requestid") or lower.get("x-amz-request-id", ""), "HTTPStatusCode": status,
                "HTTPHeaders": lower, "RetryAttempts": attempt}

    def _send(self, request):
        headers = dict(request.headers)
        headers["host"] = self._endpoint.netloc
        sign(request.method, request.path, request.query, headers, request.body, SERVICES[self._service][3], self._region,
             self._credentials)
        target = request.path + ("?" + request.query if request.query else "")
        for fresh in (False, True):
            connection = self._connection(fresh)
            try:
                connection.request(request.method, target, request.body, headers)
                response = connection.getresponse()
                return response.status, response.headers, response.read()
            except socket.timeout:
                connection.close()
                raise ReadTimeoutError(endpoint_url=self._endpoint.geturl(), error="timeout")
            except (http.client.HTTPException, OSError) as error:
                # A connection that was kept may have been closed by the server meanwhile.
                connection.close()
                if fresh:
                    raise EndpointConnectionError(endpoint_url=self._endpoint.geturl(), error=error)

    def _connection(self, fresh):
        connection = getattr(self._local, "connection", None)
        if connection is None or fresh:
            kind = http.client.HTTPSConnection if self._endpoint.scheme == "https" else http.client.HTTPConnection
            connection = kind(self._endpoint.hostname, self._endpoint.port, timeout=getattr(self._config, "read_timeout", 60))
            self._local.connection = connection
        return connection


class PageIterator:
    def __init__(self, client, operation, params):
        self._client, self._operation = client, operation
        self._config = params.pop("PaginationConfig", None) or {}
        self._params = params

    def __iter__(self):
        answered, asked, gathered, size = PAGES[(self._client._service, self._operation)]
        params = dict(self._params)
        if size and self._config.get("PageSize"):
            params[size] = self._config["PageSize"]
        left = self._config.get("MaxItems")
        while True:
            page = self._client._call(self._operation, params)
            items = page.get(gathered) or []
            if left is not None and len(items) >= left:
                page[gathered] = items[:left]
                yield page
                return
            yield page
            if left is not None:
                left -= len(items)
            if not page.get(answered):
                return
            params[asked] = page[answered]

    def build_full_result(self):
        gathered = PAGES[(self._client._service, self._operation)][2]
        return {gathered: [item for page in self for item in page.get(gathered) or []]}

    def search(self, expression):
        for page in self:
            found = page
            for name in expression.rstrip("[]").split("."):
                found = (found or {}).get(name)
            yield from found if isinstance(found, list) else [found]


class Paginator:
    def __init__(self, client, operation):
        self._client, self._operation = client, operation

    def paginate(self, **params):
        return PageIterator(self._client, self._operation, params)


class Waiter:
    def __init__(self, client, name):
        self._client, self.name = client, name

    def wait(self, **params):
        config = params.pop("WaiterConfig", None) or {}
        operation, delay, attempts, path, wanted, code = WAITERS[(self._client._service, self.name)]
        delay, attempts = config.get("Delay", delay), config.get("MaxAttempts", attempts)
        last = {}
        for attempt in range(attempts):
            try:
                last = self._client._call(operation, dict(params))
            except ClientError as error:
                last = error.response
                if code and last["Error"]["Code"] == code:
                    return
                if not (path and last["Error"]["Code"] == "ResourceNotFoundException"):
                    raise WaiterError(self.name, f"An error occurred ({last['Error']['Code']}): {last['Error']['Message']}", last)
            else:
                if path and last[path[0]][path[1]] == wanted:
                    return
            if attempt < attempts - 1:
                time.sleep(delay)
        raise WaiterError(self.name, "Max attempts exceeded", last)
