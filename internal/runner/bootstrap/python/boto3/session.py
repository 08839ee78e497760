import os

from botocore.client import Client
from botocore.exceptions import NoRegionError, UnknownServiceError
from botocore.services import SERVICES


class Credentials:
    def __init__(self, access_key, secret_key, token=None):
        self.access_key, self.secret_key, self.token = access_key, secret_key, token

    def get_frozen_credentials(self):
        return self


class Session:
    def __init__(self, aws_access_key_id=None, aws_secret_access_key=None, aws_session_token=None, region_name=None,
                 botocore_session=None, profile_name=None):
        environ = os.environ
        if aws_access_key_id is None:
            aws_access_key_id = environ.get("AWS_ACCESS_KEY_ID")
            aws_secret_access_key = environ.get("AWS_SECRET_ACCESS_KEY")
            aws_session_token = environ.get("AWS_SESSION_TOKEN")
        self._credentials = Credentials(aws_access_key_id, aws_secret_access_key, aws_session_token)
        self.region_name = region_name or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")

    def get_credentials(self):
        return self._credentials

    def get_available_services(self):
        return sorted(SERVICES)

    def client(self, service_name, region_name=None, api_version=None, use_ssl=True, verify=None, endpoint_url=None,
               aws_access_key_id=None, aws_secret_access_key=None, aws_session_token=None, config=None):
        if service_name not in SERVICES:
            raise UnknownServiceError(service_name=service_name, known_service_names=", ".join(sorted(SERVICES)))
        region = region_name or getattr(config, "region_name", None) or self.region_name
        if not region:
            raise NoRegionError()
        credentials = self._credentials
        if aws_access_key_id is not None:
            credentials = Credentials(aws_access_key_id, aws_secret_access_key, aws_session_token)
        variable = "AWS_ENDPOINT_URL_" + service_name.upper().replace("-", "_")
        endpoint = endpoint_url or os.environ.get(variable) or os.environ["AWS_ENDPOINT_URL"]
        return Client(service_name, region, endpoint, credentials, config)

    def resource(self, service_name, **kwargs):
        if service_name != "dynamodb":
            raise UnknownServiceError(service_name=service_name, known_service_names="dynamodb")
        from boto3.dynamodb.table import ServiceResource
        return ServiceResource(self.client(service_name, **kwargs))
