"""Settings models: typed, frozen, read once from `RENDERQ_` variables at the edge of each process and passed in."""

import os
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from renderq.contract.webhook_signature import parse_secret
from renderq_shared.redis.url import check_redis_url
from renderq_shared.s3_url import parse_s3_url


def default_data_dir() -> Path:
    """Return `$XDG_DATA_HOME/renderq`, else `~/.local/share/renderq`."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "renderq"


def format_errors(error: ValidationError) -> tuple[str, ...]:
    """Return one line per invalid setting."""
    return tuple(
        f"{'.'.join(map(str, each['loc']))}: {each['msg'].removeprefix('Value error, ')}" for each in error.errors()
    )


class SharedSettings(BaseSettings):
    """Settings on which the API and all workers must agree."""

    # Environment files write an unset variable as an empty string.
    model_config = SettingsConfigDict(env_prefix="RENDERQ_", env_ignore_empty=True, frozen=True, extra="ignore")

    data: Path = Field(default_factory=default_data_dir, description="Data folder of this machine.")
    redis_url: str = Field(
        "redis://127.0.0.1:6379/0",
        description="Redis or Valkey server that holds jobs and wake-ups: `redis://`, `rediss://`, `redis+socket://`, "
        "or `redis+sentinel://HOST:PORT,HOST:PORT/SERVICE` for Sentinel.",
    )
    store: str = Field(
        "folder:",
        description="Object store for images: `folder:PATH` (`folder:` alone means `objects` in the data folder) or "
        "`s3://BUCKET/PREFIX`.",
    )
    s3_addressing: Literal["auto", "path", "virtual"] = Field(
        "auto",
        description="Position of the bucket name in S3 URLs: `path`, or `virtual` for the host name; `auto` is "
        "boto3's choice.",
    )
    s3_checksums: Literal["auto", "when_required", "when_supported"] = Field(
        "auto",
        description="When to send and verify checksums of S3 requests. Set `when_required` for stores that do not "
        "support them; `auto` is boto3's default.",
    )
    s3_public_endpoint: str | None = Field(
        None,
        description="Endpoint of signed S3 URLs, if clients reach the store under another address than renderq does.",
    )
    models: Path | None = Field(
        None, description="Model catalog, a `models.toml`. Default: the built-in model is the only one."
    )
    lease_seconds: float = Field(
        15.0, gt=0, description="Lease of a claimed job. A worker that does not renew it in time loses the job."
    )
    max_attempts: int = Field(
        3, ge=1, description="Lost leases after which a job fails with `worker_lost` instead of being requeued."
    )
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="Log format; `auto` is `console` on a terminal and `json` elsewhere."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Lowest severity logged.")

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Self:
        """Return the settings of the environment, overridden by command-line options; `None`: not given."""
        return cls(**{name: value for name, value in options.items() if value is not None})

    @field_validator("redis_url")
    @classmethod
    def _check_redis_url(cls, url: str) -> str:
        check_redis_url(url)
        return url

    @field_validator("store")
    @classmethod
    def _check_store(cls, store: str) -> str:
        if store.startswith("s3:"):
            parse_s3_url(store)
        elif not store.startswith("folder:"):
            raise ValueError("must be folder:PATH or s3://BUCKET/PREFIX")
        return store

    @field_validator("s3_public_endpoint")
    @classmethod
    def _check_endpoint(cls, url: str | None) -> str | None:
        parts = urlsplit(url or "http://unset")
        if (
            parts.scheme not in {"http", "https"}
            or not parts.hostname
            or parts.query
            or parts.fragment
            or parts.username
        ):
            raise ValueError("must be a URL such as https://images.example.com")
        return url

    @property
    def store_folder(self) -> Path:
        """Root of a `folder:` store."""
        path = self.store.removeprefix("folder:")
        return Path(path).expanduser() if path else self.data / "objects"


class ApiSettings(SharedSettings):
    """Settings of the API process."""

    host: str = Field(
        "127.0.0.1", description="Address to listen on. Anything but a loopback address requires an API key."
    )
    port: int = Field(8400, ge=0, le=65_535, description="Port to listen on.")
    public_url: str | None = Field(
        None,
        description="Base URL under which clients reach the API, for links in webhooks. Default: `http://` with host "
        "and port.",
    )
    keys: Literal["auto", "required"] = Field(
        "auto",
        description="When requests need an API key: `auto`, as soon as one has been created; `required`, always.",
    )
    durability: Literal["process", "fsync"] = Field(
        "process",
        description="What an accepted job survives: `process`, the crash of any process (of Redis, as far as its "
        "append-only file reaches); `fsync`, also a power failure, because a submission is acknowledged only once "
        "Redis has synced it to disk.",
    )
    max_queued_jobs: int = Field(10_000, ge=1, description="Maximum number of queued jobs in total.")
    max_queued_jobs_per_tenant: int = Field(1_000, ge=1, description="Maximum number of queued jobs per tenant.")
    max_pending_wakeups: int = Field(16, ge=1, description="Maximum number of pending wake-ups per model.")
    sweep_seconds: float = Field(1.0, gt=0, description="Interval between two sweeps.")
    image_delivery: Literal["redirect", "proxy"] = Field(
        "redirect",
        description="Response of an image's stable URL: `redirect` to a signed URL, or `proxy` the image, for a store "
        "that clients cannot reach.",
    )
    signed_url_seconds: int = Field(
        3_600, ge=1, le=604_800, description="Lifetime of a signed image URL; at most a week, the limit of S3."
    )
    output_retention_seconds: int = Field(
        7 * 86_400, ge=0, description="Time for which images are kept after their job has ended; 0 keeps them forever."
    )
    job_retention_seconds: int = Field(
        14 * 86_400,
        ge=0,
        description="Time for which a job is kept after it has ended, at least as long as its images; 0 keeps it "
        "forever.",
    )
    asset_retention_seconds: int = Field(
        7 * 86_400,
        ge=0,
        description="Time for which an uploaded image is kept after its upload or its last use; 0 keeps it forever.",
    )
    webhook_secrets: SecretStr | None = Field(
        None,
        description="Comma-separated `whsec_…` secrets; each signs every webhook. Without one, requests with a webhook "
        "are refused.",
    )
    webhook_delays: str = Field(
        "5,30,120,600,1800,7200,21600,43200,86400",
        pattern=r"^\d+(\.\d+)?(,\d+(\.\d+)?){0,19}$",
        description="Comma-separated delays in seconds before each retry of a webhook; each gets up to 25 % jitter.",
    )
    webhook_timeout_seconds: float = Field(
        15.0, gt=0, le=300, description="Timeout of one attempt to deliver a webhook."
    )
    egress_allow: str = Field(
        "",
        description="Comma-separated networks, such as `10.0.0.0/8`, that webhooks may reach and input images may be "
        "fetched from, in addition to public addresses.",
    )

    @field_validator("egress_allow")
    @classmethod
    def _check_networks(cls, text: str) -> str:
        for part in filter(None, map(str.strip, text.split(","))):
            ip_network(part)
        return text

    @field_validator("webhook_secrets")
    @classmethod
    def _check_secrets(cls, secrets: SecretStr | None) -> SecretStr | None:
        for secret in secrets.get_secret_value().split(",") if secrets else ():
            parse_secret(secret.strip())
        return secrets

    @property
    def durable(self) -> bool:
        """True if submissions wait for Redis to sync to disk."""
        return self.durability == "fsync"

    @property
    def webhook_keys(self) -> tuple[bytes, ...]:
        """Decoded `webhook_secrets`."""
        secrets = self.webhook_secrets.get_secret_value() if self.webhook_secrets else ""
        return tuple(parse_secret(secret.strip()) for secret in secrets.split(",") if secret)

    @property
    def public_base_url(self) -> str:
        """`public_url` or its default, with a trailing slash."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/") + "/"


class WorkerSettings(SharedSettings):
    """Settings of a worker process."""

    worker_name: str | None = Field(
        None, description="Name in `/v1/workers`. Default: the host name with a random suffix."
    )
    worker_models: str | None = Field(
        None, description="Comma-separated names of the models to serve. Default: the whole catalog."
    )
    worker_slots: int = Field(16, ge=1, description="Maximum number of jobs that the worker holds at once.")
    device: str = Field("auto", description="Compute device: `auto`, `cpu`, `cuda` or `cuda:N`.")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="Data type of the weights of models whose catalog entry says `auto`."
    )
    threads: int | None = Field(None, ge=1, description="CPU threads of the engine. Default: all cores.")
    batching: Literal["exact", "fast"] = Field(
        "exact",
        description="`exact`: images share a forward pass only where this was verified not to change a single bit; "
        "`fast`: also where it may.",
    )
    memory_mode: Literal["auto", "full", "balanced", "low"] = Field(
        "auto",
        description="How to save device memory: `full`, not at all; `balanced`, decode images larger than the "
        "autoencoder's training size in tiles; `low`, also keep components on the device only while they are used; "
        "`auto`, save as little as the free memory allows.",
    )
    model_memory_gb: float | None = Field(
        None, gt=0, description="Memory for resident models. Default: 80 % of the memory that is free at startup."
    )
    device_memory_gb: float | None = Field(
        None,
        gt=0,
        description="Maximum device memory to use. On a CPU, simulates a GPU with this much memory.",
    )
    model_switch_after_seconds: float = Field(
        10.0,
        ge=0,
        description="Time that the oldest job of a model that is not resident waits before the worker switches to "
        "that model.",
    )
    stall_seconds: float = Field(
        120.0,
        gt=0,
        description="Time without progress (or 20 × the measured duration, if longer) after which the worker exits as "
        "hung.",
    )
    drain_seconds: float = Field(
        30.0, ge=0, description="Time to finish jobs after SIGTERM; the remaining jobs are requeued."
    )
