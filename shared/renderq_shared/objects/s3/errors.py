"""One-line explanations of botocore's errors: the problem and its fix. Never the request, which contains secrets."""

from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    IncompleteReadError,
    InvalidRegionError,
    NoAuthTokenError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSLError,
)
from urllib3.exceptions import HTTPError

S3_ERRORS = (BotoCoreError, ClientError, HTTPError)
"""Errors that boto3 raises; urllib3's come from responses that are cut off."""

_KEY = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_REGION = "the bucket is in another region: set AWS_DEFAULT_REGION"
_NOT_ALLOWED = "permission denied: the access key must be able to get, put, list and delete objects below the prefix"
_NO_RESPONSE = "the endpoint does not respond: is the store running, and is AWS_ENDPOINT_URL right?"
_CONNECTION_LOST = "the connection was lost or timed out"

_PERMANENT = {
    "NoSuchBucket": "no such bucket: create it, or set RENDERQ_STORE",
    "InvalidBucketName": "not a valid bucket name: set RENDERQ_STORE",
    "AccessDenied": _NOT_ALLOWED,
    "AllAccessDisabled": _NOT_ALLOWED,
    "AccountProblem": "the account of this access key is closed or blocked",
    "InvalidAccessKeyId": f"unknown access key: set {_KEY}",
    "SignatureDoesNotMatch": f"the secret key does not match the access key: set {_KEY}",
    "AuthorizationHeaderMalformed": _REGION,
    "PermanentRedirect": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "InvalidRegion": _REGION,
    "403": _NOT_ALLOWED,
    "301": _REGION,
}
"""Error codes that need a change by the operator."""

_TRANSIENT = {
    "RequestTimeTooSkewed": "the clocks of this machine and of the store differ by minutes: set the clock",
    "ExpiredToken": "the temporary credentials have expired",
    "TokenRefreshRequired": "the temporary credentials have expired",
    "SlowDown": "the store limits the rate of requests",
    "InvalidObjectState": "the object is archived: lifecycle rules must not move images to archive classes",
}

_PERMANENT_TYPES: dict[type[Exception], str] = {
    NoCredentialsError: f"no credentials: set {_KEY}, or any other source that boto3 reads",
    PartialCredentialsError: f"incomplete credentials: set {_KEY}",
    NoAuthTokenError: f"no credentials: set {_KEY}, or any other source that boto3 reads",
    ProfileNotFound: "no such profile: set AWS_PROFILE to one in boto3's configuration files",
    InvalidRegionError: "not a valid region: set AWS_DEFAULT_REGION",
}

_TRANSIENT_TYPES: dict[type[Exception], str] = {
    SSLError: "TLS failed: is the certificate valid, and its authority known (AWS_CA_BUNDLE)?",
    EndpointConnectionError: _NO_RESPONSE,
    ConnectTimeoutError: _NO_RESPONSE,
    ConnectionError: _CONNECTION_LOST,
    HTTPClientError: _CONNECTION_LOST,
    IncompleteReadError: _CONNECTION_LOST,
    HTTPError: _CONNECTION_LOST,
}


_BAD_REQUEST, _SERVER_ERROR, _NOT_IMPLEMENTED = 400, 500, 501
_RETRY_LATER = {404, 408, 429}
"""Statuses of errors that are no refusal of an operation: no bucket, a timeout, too many requests."""


def error_code(error: Exception) -> str | None:
    """Return the error code of the store's response, such as `NoSuchKey`; `None` if there was no response."""
    if not isinstance(error, ClientError):
        return None
    response: dict[str, Any] = dict(error.response)
    return str(response.get("Error", {}).get("Code", "unknown"))


def is_missing(error: Exception) -> bool:
    """Return whether the key has no object. Responses to HEAD have no code but the status."""
    return error_code(error) in {"NoSuchKey", "404", "NotFound"}


def lacks_operation(error: Exception) -> bool:
    """Return whether the store refused the operation itself, so that another one may succeed in its place.

    Compatible stores have no common code for it: `NotImplemented`, `MissingContentMD5`, `MethodNotAllowed`, and
    `AccessDenied` of gateways that check rights by operation.
    """
    if not isinstance(error, ClientError) or (is_permanent(error) and error_code(error) != "AccessDenied"):
        return False
    status = int(dict(error.response).get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return status == _NOT_IMPLEMENTED or (_BAD_REQUEST <= status < _SERVER_ERROR and status not in _RETRY_LATER)


def is_permanent(error: Exception) -> bool:
    """Return whether a retry is pointless until a setting, a key or the bucket is changed."""
    return error_code(error) in _PERMANENT or any(isinstance(error, kind) for kind in _PERMANENT_TYPES)


def explain(error: Exception) -> str:
    """Return the problem and its fix, without secrets."""
    code = error_code(error)
    if code is not None:
        reason = _PERMANENT.get(code) or _TRANSIENT.get(code)
        return f"{reason} ({code})" if reason else f"the store responded with {code}"
    for kind, reason in (_PERMANENT_TYPES | _TRANSIENT_TYPES).items():
        if isinstance(error, kind):
            return f"{reason} ({type(error).__name__})"
    return f"boto3 failed ({type(error).__name__})"
