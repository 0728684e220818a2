"""Settings: typed, frozen, read once from `RENDERQ_…` at the edge of each process and passed in."""

import os
from ipaddress import ip_network
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from renderq.contract.signatures import parse_secret
from renderq_shared.redis.url import check_redis_url
from renderq_shared.s3_url import parse_s3_url


def default_data_dir() -> Path:
    """`$XDG_DATA_HOME/renderq`, else `~/.local/share/renderq`."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "renderq"


def format_errors(error: ValidationError) -> tuple[str, ...]:
    """What is wrong with settings, a line each."""
    return tuple(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())


class SharedSettings(BaseSettings):
    """What API and workers must agree on."""

    # Files of variables hold what is not set as an empty string.
    model_config = SettingsConfigDict(env_prefix="RENDERQ_", env_ignore_empty=True, frozen=True, extra="ignore")

    data: Path = Field(default_factory=default_data_dir, description="Folder for everything that is kept on disk.")
    redis_url: str = Field(
        "redis://127.0.0.1:6379/0",
        description="Redis or Valkey that holds jobs and wake-ups: `redis://`, `rediss://`, `redis+socket://`, or "
        "`redis+sentinel://HOST:PORT,HOST:PORT/SERVICE` of Sentinels.",
    )
    store: str = Field(
        "folder:",
        description="Where pictures live: `folder:PATH` (`folder:` alone is `objects` in the data folder) or "
        "`s3://BUCKET/PREFIX`.",
    )
    s3_addressing: Literal["auto", "path", "virtual"] = Field(
        "auto",
        description="Where S3 addresses name the bucket: in the path or in the host name; `auto` leaves it to boto3.",
    )
    s3_checksums: Literal["auto", "when_required", "when_supported"] = Field(
        "auto",
        description="When S3 requests carry checksums and answers are checked; `when_required` suits stores that do "
        "not know them; `auto` leaves it to boto3.",
    )
    s3_public_endpoint: str | None = Field(
        None,
        description="Where clients reach the S3 store, if not under the name that renderq uses; signed addresses "
        "begin with it.",
    )
    models: Path | None = Field(None, description="The catalog, a `models.toml`; without it the built-in model alone.")
    lease_seconds: float = Field(15.0, gt=0, description="How long a silent worker keeps its jobs.")
    max_attempts: int = Field(3, ge=1, description="Lost workers after which a job fails with `worker_lost`.")
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="`auto`: for people on a terminal, JSON lines elsewhere."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severity that is logged."
    )

    @field_validator("redis_url")
    @classmethod
    def _can_be_connected_to(cls, url: str) -> str:
        check_redis_url(url)
        return url

    @field_validator("store")
    @classmethod
    def _known_store(cls, store: str) -> str:
        if store.startswith("s3:"):
            parse_s3_url(store)
        elif not store.startswith("folder:"):
            raise ValueError("must be folder:PATH or s3://BUCKET/PREFIX")
        return store

    @field_validator("s3_public_endpoint")
    @classmethod
    def _is_web_address(cls, url: str | None) -> str | None:
        parts = urlsplit(url or "http://unset")
        if (
            parts.scheme not in {"http", "https"}
            or not parts.hostname
            or parts.query
            or parts.fragment
            or parts.username
        ):
            raise ValueError("must be an address such as https://images.example.com")
        return url

    @property
    def store_folder(self) -> Path:
        path = self.store.removeprefix("folder:")
        return Path(path).expanduser() if path else self.data / "objects"


class ApiSettings(SharedSettings):
    """The HTTP service."""

    host: str = Field("127.0.0.1", description="Address to listen on; anything but loopback is refused without keys.")
    keys: Literal["auto", "required"] = Field(
        "auto",
        description="Whether requests need an API key: `auto`, once there has been one; `required`, from the start.",
    )
    port: int = Field(8400, ge=0, le=65_535, description="Port to listen on.")
    durability: Literal["process", "fsync"] = Field(
        "process",
        description="What an accepted job outlives: `process` the death of any process, Redis too, as far as its "
        "append-only file goes; `fsync` a power cut: each submission is answered once it is on Redis' disk.",
    )
    max_queued_jobs: int = Field(10_000, ge=1, description="Jobs that may be queued in all.")
    max_queued_jobs_per_tenant: int = Field(1_000, ge=1, description="Jobs that one tenant may have queued.")
    sweep_seconds: float = Field(1.0, gt=0, description="Pause between two sweeps.")
    max_pending_wakeups: int = Field(16, ge=1, description="Wake-ups that may wait for one model.")
    signed_url_seconds: int = Field(
        3_600, ge=1, le=604_800, description="How long a signed picture address works; a week is the most S3 allows."
    )
    image_delivery: Literal["redirect", "proxy"] = Field(
        "redirect",
        description="What a picture's stable address does: lead to a signed one, or stream the picture itself, for "
        "a store that clients cannot reach.",
    )
    output_retention_seconds: int = Field(
        7 * 86_400, ge=0, description="How long pictures are kept after their job's end; 0: for ever."
    )
    job_retention_seconds: int = Field(
        14 * 86_400,
        ge=0,
        description="How long jobs can be looked up after their end, at least for as long as their pictures; "
        "0: for ever.",
    )
    asset_retention_seconds: int = Field(
        7 * 86_400,
        ge=0,
        description="How long an uploaded picture is kept after it was uploaded or used last; 0: for ever.",
    )
    public_url: str | None = Field(
        None,
        description="Where clients reach the API, for addresses in webhooks; default: `http://` with host and port.",
    )
    webhook_secrets: SecretStr | None = Field(
        None,
        description="Comma-separated `whsec_…` secrets that sign webhooks, each; without one, requests with a webhook "
        "are refused.",
    )
    webhook_delays: str = Field(
        "5,30,120,600,1800,7200,21600,43200,86400",
        pattern=r"^\d+(\.\d+)?(,\d+(\.\d+)?){0,19}$",
        description="Seconds before each attempt at a webhook after the first; up to a quarter is added at random.",
    )
    webhook_timeout_seconds: float = Field(
        15.0, gt=0, le=300, description="How long one attempt at a webhook may take."
    )
    egress_allow: str = Field(
        "",
        description="Comma-separated networks that webhooks may reach, and input pictures come from, although they are "
        "not public: `10.0.0.0/8`.",
    )

    @field_validator("egress_allow")
    @classmethod
    def _are_networks(cls, text: str) -> str:
        for part in filter(None, map(str.strip, text.split(","))):
            ip_network(part)
        return text

    @field_validator("webhook_secrets")
    @classmethod
    def _are_secrets(cls, secrets: SecretStr | None) -> SecretStr | None:
        for secret in secrets.get_secret_value().split(",") if secrets else ():
            parse_secret(secret.strip())
        return secrets

    @property
    def durable(self) -> bool:
        """Whether submissions wait for Redis' disk."""
        return self.durability == "fsync"

    @property
    def webhook_keys(self) -> tuple[bytes, ...]:
        """Decoded; all sign."""
        secrets = self.webhook_secrets.get_secret_value() if self.webhook_secrets else ""
        return tuple(parse_secret(secret.strip()) for secret in secrets.split(",") if secret)

    @property
    def public_base(self) -> str:
        """`public_url` with a slash at its end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/") + "/"


class WorkerSettings(SharedSettings):
    """A worker process."""

    worker_name: str | None = Field(None, description="Name in `/v1/workers`; default: host name and a random part.")
    worker_models: str | None = Field(
        None, description="Comma-separated names of the models to serve; default: the whole catalog."
    )
    worker_slots: int = Field(16, ge=1, description="Jobs that a worker may hold at once.")
    device: str = Field("auto", description="`auto`, `cpu`, `cuda` or `cuda:N`.")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="Number format of the weights where the catalog says `auto`."
    )
    threads: int | None = Field(None, ge=1, description="CPU threads of the engine; default: all cores.")
    batching: Literal["exact", "fast"] = Field(
        "exact", description="`exact`: images share a forward pass only where that provably changes no bit."
    )
    model_memory_gb: float | None = Field(
        None, gt=0, description="Memory for resident models; default: four fifths of what is free at the start."
    )
    memory_mode: Literal["auto", "full", "balanced", "low"] = Field(
        "auto",
        description="How models spare memory: `full`, not at all; `balanced`, pictures larger than the autoencoder was "
        "trained with are decoded in tiles; `low`, also components are on the device only while they are used; `auto`, "
        "as little as the free memory allows.",
    )
    device_memory_gb: float | None = Field(
        None,
        gt=0,
        description="Memory of the device that may be used. On a CPU this simulates a card that has no more than that.",
    )
    model_switch_after_seconds: float = Field(
        10.0, ge=0, description="A model that is not in memory goes first once its oldest job has waited this long."
    )
    stall_seconds: float = Field(
        120.0, gt=0, description="Without progress for this long (or 20 × the measured time) the worker ends itself."
    )
    drain_seconds: float = Field(30.0, ge=0, description="On SIGTERM, finish jobs for this long, then hand them back.")
