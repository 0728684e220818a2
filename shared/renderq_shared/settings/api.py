"""Settings of the API process."""

import re
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from renderq.contract.webhook_signature import parse_secret
from renderq_shared.field_values import ZeroMeans
from renderq_shared.history_url import check_history_url, sqlite_url
from renderq_shared.host_names import is_host
from renderq_shared.settings.addresses import IpNetwork, parse_networks, parse_public_url
from renderq_shared.settings.values import split_list
from renderq_shared.settings.visitors import VisitorSettings

DOORS = frozenset({"a1111", "hf", "mcp", "openai"})
"""APIs of other services that can be served, too."""

_NO_DOORS = "none"
_NO_PROXIES = "none"
_SECRET_LENGTH = 32
_MAX_DELAY_S = 30 * 86_400
_DELAY = re.compile(r"\s*[0-9]{1,9}(\.[0-9]{1,9})?\s*")
_MAX_RETENTION_S = 100 * 365 * 86_400
"""100 years, so that every expiry stays within the range of timestamps."""

Retention = Annotated[int, Field(ge=0, le=_MAX_RETENTION_S), ZeroMeans("forever")]
"""Seconds."""


class ApiSettings(VisitorSettings):
    """Settings of the API process."""

    host: str = Field(
        "127.0.0.1", description="Address to listen on. Anything but a loopback address requires an API key."
    )
    port: int = Field(8400, ge=0, le=65_535, description="Port to listen on.")
    public_url: str | None = Field(
        None,
        description="URL under which clients reach the API, with its path prefix if a proxy adds one: "
        "`https://example.com/render`. Every address in responses and webhooks begins with it. Default: the address "
        "that a request came to; in webhooks, `http://` with host and port.",
    )
    trusted_proxies: str = Field(
        "127.0.0.1,::1",
        description="Comma-separated addresses and networks of reverse proxies, such as `10.0.0.0/8`, or `none`. Only "
        "from these, `X-Forwarded-…` and `Forwarded` headers count: for the client's address, and without "
        "`RENDERQ_PUBLIC_URL` also for the API's.",
    )
    page: Literal["on", "off", "dev"] = Field(
        "on",
        description="The web page at the service's own address: `on`, `off`, or `dev`, which reads its files anew for "
        "each request.",
    )
    keys: Literal["auto", "required"] = Field(
        "auto",
        validate_default=True,
        description="When requests need an API key: `auto`, as soon as one has been created; `required`, always.",
    )
    secret: SecretStr | None = Field(
        None,
        description="Secret of at least 32 characters that signs the URLs of event streams, and of images that the API "
        "serves for an S3 store, equal for all API processes. Several, separated by commas: the first one signs, all "
        "are accepted. Default: a random one in the file `secret` of the data folder.",
    )
    durability: Literal["process", "fsync"] = Field(
        "process",
        description="What an accepted job survives: `process`, the crash of any process (of Redis, as far as its "
        "append-only file reaches); `fsync`, also a power failure, because a submission is acknowledged only once "
        "Redis has synced it to disk.",
    )
    max_queued_jobs: int = Field(10_000, ge=1, le=10_000_000, description="Maximum number of queued jobs in total.")
    max_queued_jobs_per_tenant: int = Field(
        1_000, ge=1, le=10_000_000, description="Maximum number of queued jobs per tenant."
    )
    max_pending_wakeups: int = Field(16, ge=1, le=10_000, description="Maximum number of pending wake-ups per model.")
    sweep_seconds: float = Field(1.0, ge=0.05, le=3_600, description="Interval between two sweeps.")
    image_delivery: Literal["redirect", "proxy"] = Field(
        "redirect",
        description="Response of an image's stable URL: `redirect` to a signed URL, or `proxy` the image, for a store "
        "that clients cannot reach.",
    )
    signed_url_seconds: int = Field(
        3_600, ge=1, le=604_800, description="Lifetime of a signed image URL; at most a week, the limit of S3."
    )
    history_url: SecretStr | None = Field(
        None,
        description="Database of ended jobs: `postgresql://USER:PASSWORD@HOST/DATABASE`, or `sqlite:///PATH` for API "
        "processes of one machine. Default: `history.db` in the data folder.",
    )
    recent_seconds: int = Field(
        3_600,
        ge=0,
        le=30 * 86_400,
        description="Time after a job's end when Redis drops it, if the history has it and none of its webhooks is "
        "pending.",
    )
    output_retention_seconds: Retention = Field(
        7 * 86_400, description="Time for which images are kept after their job has ended, except those of kept jobs."
    )
    output_limit_gb: float = Field(
        0,
        ge=0,
        le=1e9,
        description="Size of all stored images of ended jobs, in GB, above which the images of the oldest jobs expire, "
        "except those of kept jobs; 0: no limit.",
    )
    job_retention_seconds: Retention = Field(
        14 * 86_400,
        description="Time for which a job that is not `kept` stays readable after it has ended, at least as long as "
        "its images.",
    )
    asset_retention_seconds: Retention = Field(
        7 * 86_400,
        description="Time for which an uploaded image is kept after its upload or its last use.",
    )
    webhook_secrets: SecretStr | None = Field(
        None,
        description="Comma-separated `whsec_…` secrets; each signs every webhook. Without one, requests with a webhook "
        "are refused.",
    )
    webhook_delays: str = Field(
        "5,30,120,600,1800,7200,21600,43200,86400",
        description="Comma-separated delays in seconds before each retry of a webhook; each gets up to 25 % jitter.",
    )
    webhook_timeout_seconds: float = Field(
        15.0, ge=0.1, le=300, description="Timeout of one attempt to deliver a webhook."
    )
    egress_allow: str = Field(
        "",
        description="Comma-separated networks, such as `10.0.0.0/8`, that webhooks may reach and input images may be "
        "fetched from, in addition to public addresses.",
    )

    doors: str = Field(
        "openai,a1111,hf,mcp",
        description="Comma-separated APIs of other services that are served, too: `openai`, `a1111`, `hf`, `mcp`. "
        "`none` serves renderq's own API alone.",
    )
    door_wait_seconds: int = Field(
        280,
        ge=1,
        le=3_600,
        description="Time after which a job that was submitted through a door is given up. Its client waits as long: "
        "some give up after 300 s themselves.",
    )
    door_body_bytes: int = Field(
        64 << 20,
        ge=1 << 20,
        le=1 << 30,
        description="Maximum size of a request with images to a door, in bytes.",
    )

    @field_validator("doors")
    @classmethod
    def _check_doors(cls, text: str) -> str:
        names = tuple(split_list(text))
        if text != _NO_DOORS and (not names or not DOORS.issuperset(names)):
            raise ValueError(f"must be {_NO_DOORS}, or a comma-separated list of: {', '.join(sorted(DOORS))}")
        return text

    @field_validator("history_url")
    @classmethod
    def _check_history_url(cls, url: SecretStr | None) -> SecretStr | None:
        if url:
            check_history_url(url.get_secret_value())
        return url

    @field_validator("keys")
    @classmethod
    def _check_keys(cls, keys: str, info: ValidationInfo) -> str:
        if keys != "required" and info.data.get("visitors") == "on":
            raise ValueError(
                "must be required where RENDERQ_VISITORS is on; create a key for yourself with `renderq keys create`"
            )
        return keys

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, url: str | None) -> str | None:
        return url and parse_public_url(url)

    @field_validator("egress_allow")
    @classmethod
    def _check_networks(cls, text: str) -> str:
        parse_networks(text)
        return text

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, text: str) -> str:
        if text != _NO_PROXIES and not parse_networks(text):
            raise ValueError("must be comma-separated addresses and networks such as 10.0.0.0/8, or none")
        return text

    @field_validator("secret")
    @classmethod
    def _check_secret(cls, secret: SecretStr | None) -> SecretStr | None:
        for part in secret.get_secret_value().split(",") if secret else ():
            if len(part.strip()) < _SECRET_LENGTH:
                raise ValueError(f"must be at least {_SECRET_LENGTH} random characters, as of `openssl rand -hex 32`")
        return secret

    @field_validator("webhook_secrets")
    @classmethod
    def _check_secrets(cls, secrets: SecretStr | None) -> SecretStr | None:
        try:
            if secrets is not None and not _webhook_keys(secrets):
                raise ValueError
        except ValueError as error:
            raise ValueError(
                "must be secrets of whsec_ and 24 to 64 random bytes in base64, comma-separated"
            ) from error
        return secrets

    @field_validator("webhook_delays")
    @classmethod
    def _check_delays(cls, text: str) -> str:
        delays = text.split(",")
        if len(delays) > 20 or not all(_DELAY.fullmatch(each) and float(each) <= _MAX_DELAY_S for each in delays):
            raise ValueError(f"must be 1 to 20 numbers of seconds from 0 to {_MAX_DELAY_S}, comma-separated")
        return text

    @field_validator("host")
    @classmethod
    def _check_host(cls, host: str) -> str:
        if host and not is_host(host):
            raise ValueError("must be a host name or an IP address without port, such as 127.0.0.1 or ::1")
        return host

    @property
    def history_database(self) -> str:
        """`history_url` or its default."""
        return self.history_url.get_secret_value() if self.history_url else sqlite_url(str(self.data / "history.db"))

    @property
    def durable(self) -> bool:
        """True if submissions wait for Redis to sync to disk."""
        return self.durability == "fsync"

    @property
    def secrets(self) -> tuple[bytes, ...]:
        """Parts of `secret`; empty if it is not set."""
        return tuple(part.strip().encode() for part in self.secret.get_secret_value().split(",")) if self.secret else ()

    @property
    def webhook_keys(self) -> tuple[bytes, ...]:
        """Decoded `webhook_secrets`."""
        return _webhook_keys(self.webhook_secrets)

    @property
    def trusted_networks(self) -> tuple[IpNetwork, ...]:
        """Networks of `trusted_proxies`."""
        return () if self.trusted_proxies == _NO_PROXIES else parse_networks(self.trusted_proxies)

    @property
    def open_doors(self) -> frozenset[str]:
        """Names of `doors`."""
        return frozenset() if self.doors == _NO_DOORS else frozenset(split_list(self.doors))

    @property
    def egress_networks(self) -> tuple[IpNetwork, ...]:
        """Networks of `egress_allow`."""
        return parse_networks(self.egress_allow)

    @property
    def webhook_delays_s(self) -> tuple[float, ...]:
        """Delays of `webhook_delays`, in seconds."""
        return tuple(map(float, self.webhook_delays.split(",")))

    @property
    def public_base_url(self) -> str:
        """`public_url` or its default, with a trailing slash."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (self.public_url or f"http://{host}:{self.port}") + "/"


def _webhook_keys(secrets: SecretStr | None) -> tuple[bytes, ...]:
    return tuple(map(parse_secret, split_list(secrets.get_secret_value() if secrets else "")))
