"""AWS Signature Version 4 ("Create a signed AWS API request")."""

import hashlib
import hmac
import time
from urllib.parse import quote


def _mac(key, text):
    return hmac.new(key, text.encode("utf-8"), hashlib.sha256).digest()


def sign(method, path, query, headers, body, service, region, credentials):
    """Adds the headers of a signature to headers, whose names are in lower case."""
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    headers["x-amz-date"] = now
    if credentials.token:
        headers["x-amz-security-token"] = credentials.token
    names = sorted(headers)
    signed = ";".join(names)
    canonical = "\n".join((
        method, quote(path, safe="/-_.~"), query,
        "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in names), signed, hashlib.sha256(body).hexdigest()))
    scope = f"{now[:8]}/{region}/{service}/aws4_request"
    text = "\n".join(("AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode("utf-8")).hexdigest()))
    key = ("AWS4" + credentials.secret_key).encode("utf-8")
    for part in (now[:8], region, service, "aws4_request"):
        key = _mac(key, part)
    headers["authorization"] = (f"AWS4-HMAC-SHA256 Credential={credentials.access_key}/{scope}, SignedHeaders={signed}, "
                                f"Signature={_mac(key, text).hex()}")
