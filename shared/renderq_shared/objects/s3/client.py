"""boto3 clients, as renderq wants them: bounded in time, signature v4, everything else as boto3's own variables say."""

from dataclasses import dataclass
from typing import Any, Literal

from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from renderq_shared.errors import ObjectStoreUnsuitable

_CONNECT_S = 3.0
_READ_S = 10.0
"""Longest silence of a store in the middle of a request."""

_ATTEMPTS = 2
"""The second one is for pooled connections that the store has closed meanwhile. Whoever has more patience repeats."""

_CONNECTIONS = 64
"""As many as threads use a client at once: the API's pool of 40, a worker's uploads of several parts."""


@dataclass(frozen=True, slots=True)
class S3Clients:
    """How clients are made. The settings of the same names say more."""

    addressing: Literal["auto", "path", "virtual"] = "auto"
    checksums: Literal["auto", "when_required", "when_supported"] = "auto"
    public_endpoint: str | None = None

    def client(self) -> Any:
        """A client for our own requests; thread-safe. Raises `BotoCoreError` and `ObjectStoreUnsuitable`."""
        return self._client(None)

    def signing_client(self) -> Any:
        """A client that signs addresses for others; it sends nothing."""
        return self._client(self.public_endpoint)

    def _client(self, endpoint: str | None) -> Any:
        # A session of its own, because the default one is shared and not thread-safe.
        try:
            return Session().client("s3", endpoint_url=endpoint, config=self._config())
        except BotoCoreError:
            raise
        except ValueError as error:
            raise ObjectStoreUnsuitable(
                "the S3 endpoint is no address: AWS_ENDPOINT_URL must be like https://s3.example.internal, and "
                "AWS_DEFAULT_REGION a region; boto3 takes an empty region for one"
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
