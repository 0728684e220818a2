"""botocore's errors, told in one line: what is wrong and what to do. Of a request, which has secrets, nothing."""

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
"""What boto3 raises; urllib3's errors come out of answers that break off."""

_KEY = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_REGION = "the bucket is in another region: set AWS_DEFAULT_REGION"
_NOT_ALLOWED = "the key is not allowed to do this: it needs to get, put, list and delete objects below the prefix"

_PERMANENT = {
    "NoSuchBucket": "there is no such bucket: create it, or set RENDERQ_STORE",
    "InvalidBucketName": "this is no bucket name: set RENDERQ_STORE",
    "AccessDenied": _NOT_ALLOWED,
    "AllAccessDisabled": _NOT_ALLOWED,
    "AccountProblem": "the account of this key is closed or blocked",
    "InvalidAccessKeyId": f"the store does not know the access key: set {_KEY}",
    "SignatureDoesNotMatch": f"the secret key does not fit the access key: set {_KEY}",
    "AuthorizationHeaderMalformed": _REGION,
    "PermanentRedirect": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "InvalidRegion": _REGION,
    "403": _NOT_ALLOWED,
    "301": _REGION,
}
"""Codes of answers that only a person can change."""

_TRANSIENT = {
    "RequestTimeTooSkewed": "this machine's clock and the store's differ by minutes: set the clock",
    "ExpiredToken": "the temporary credentials have expired",
    "TokenRefreshRequired": "the temporary credentials have expired",
    "SlowDown": "the store asks for fewer requests",
    "InvalidObjectState": "the object is archived: lifecycle rules must not move pictures to archive classes",
}

_PERMANENT_TYPES: dict[type[Exception], str] = {
    NoCredentialsError: f"no credentials: set {_KEY}, or any other source that boto3 reads",
    PartialCredentialsError: f"half of the credentials is missing: set {_KEY}",
    NoAuthTokenError: f"no credentials: set {_KEY}, or any other source that boto3 reads",
    ProfileNotFound: "there is no such profile: AWS_PROFILE names one of boto3's configuration files",
    InvalidRegionError: "this is no region: set AWS_DEFAULT_REGION",
}

_TRANSIENT_TYPES: dict[type[Exception], str] = {
    SSLError: "TLS failed; is the certificate valid, and its authority known (AWS_CA_BUNDLE)?",
    EndpointConnectionError: "nothing answers there: is the store up, and AWS_ENDPOINT_URL right?",
    ConnectTimeoutError: "nothing answers there: is the store up, and AWS_ENDPOINT_URL right?",
    ConnectionError: "the connection broke off or was silent for too long",
    HTTPClientError: "the connection broke off or was silent for too long",
    IncompleteReadError: "the connection broke off or was silent for too long",
    HTTPError: "the connection broke off or was silent for too long",
}


def error_code(error: Exception) -> str | None:
    """The code that the store answered with, e.g. `NoSuchKey`; `None` where it did not answer."""
    if not isinstance(error, ClientError):
        return None
    answer: dict[str, Any] = dict(error.response)
    return str(answer.get("Error", {}).get("Code", "unknown"))


def is_missing(error: Exception) -> bool:
    """Whether there is no object under the key. Answers to HEAD have no code but the status."""
    return error_code(error) in {"NoSuchKey", "404", "NotFound"}


def is_permanent(error: Exception) -> bool:
    """Whether waiting does not help: somebody has to change a setting, a key or a bucket."""
    return error_code(error) in _PERMANENT or any(isinstance(error, kind) for kind in _PERMANENT_TYPES)


def explain(error: Exception) -> str:
    """What is wrong and what to do, without secrets."""
    code = error_code(error)
    if code is not None:
        reason = _PERMANENT.get(code) or _TRANSIENT.get(code)
        return f"{reason} ({code})" if reason else f"the store answered {code}"
    for kind, reason in (_PERMANENT_TYPES | _TRANSIENT_TYPES).items():
        if isinstance(error, kind):
            return f"{reason} ({type(error).__name__})"
    return f"boto3 cannot use it ({type(error).__name__})"
