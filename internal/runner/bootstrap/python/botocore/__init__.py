"""The parts of botocore that functions import: exceptions, configuration, and the client behind boto3's."""

__version__ = "0.1.0+sealtable"
