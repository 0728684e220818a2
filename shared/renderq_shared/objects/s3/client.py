"""boto3 clients with bounded timeouts and signature v4; everything else is configured by boto3's own variables."""

from dataclasses import dataclass
from typing import Any, Literal

from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from renderq_shared.errors import ObjectStoreUnsuitable

_CONNECT_S = 3.0
_READ_S = 10.0
"""Timeout between two bytes of a response."""

_ATTEMPTS = 2
"""The second one replaces a pooled connection that the store has closed. Callers retry everything else."""

_CONNECTIONS = 64
"""At least the threads that share a client: the API's pool of 40, a worker's multipart uploads."""


@dataclass(frozen=True, slots=True)
class S3Clients:
    """Factory of clients. The fields are the settings `s3_…`."""

    addressing: Literal["auto", "path", "virtual"] = "auto"
    checksums: Literal["auto", "when_required", "when_supported"] = "auto"
    public_endpoint: str | None = None

    def client(self) -> Any:
        """Return a client for requests; thread-safe. Raises `BotoCoreError` and `ObjectStoreUnsuitable`."""
        return self._client(None)

    def signing_client(self) -> Any:
        """Return a client that signs URLs for clients of the API; it sends no requests."""
        return self._client(self.public_endpoint)

    def _client(self, endpoint: str | None) -> Any:
        # A new session, because the default one is shared and not thread-safe.
        try:
            return Session().client("s3", endpoint_url=endpoint, config=self._config())
        except BotoCoreError:
            raise
        except ValueError as error:
            raise ObjectStoreUnsuitable(
                "the S3 endpoint is not a URL: set AWS_ENDPOINT_URL to one like https://s3.example.internal, and "
                "AWS_DEFAULT_REGION to a region, which boto3 does not allow to be empty"
            ) from error

    def _config(self) -> Config:
        config = Config(
            signature_version="s3v4",
            connect_timeout=_CONNECT_S,
            read_timeout=_READ_S,
            retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
            max_pool_connections=_CONNECTIONS,
        )
        if self.addressing != "auto":
            config = config.merge(Config(s3={"addressing_style": self.addressing}))
        if self.checksums != "auto":
            config = config.merge(
                Config(request_checksum_calculation=self.checksums, response_checksum_validation=self.checksums)
            )
        return config
