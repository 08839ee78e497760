"""A small boto3 that Sealtable puts beside functions where the host has none that honours AWS_ENDPOINT_URL.

It is not Amazon's. It speaks to the server that runs the function, for the services that are there, with the names and
shapes of boto3: clients, paginators, waiters, exceptions, and the resource of DynamoDB tables. A boto3 in the function's own
package takes its place.
"""

from boto3.session import Session

__author__ = "Sealtable"
__version__ = "0.1.0+sealtable"

DEFAULT_SESSION = None


def setup_default_session(**kwargs):
    global DEFAULT_SESSION
    DEFAULT_SESSION = Session(**kwargs)


def _default_session():
    if DEFAULT_SESSION is None:
        setup_default_session()
    return DEFAULT_SESSION


def client(*args, **kwargs):
    return _default_session().client(*args, **kwargs)


def resource(*args, **kwargs):
    return _default_session().resource(*args, **kwargs)
