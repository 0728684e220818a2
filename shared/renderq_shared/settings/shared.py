"""Settings on which the API and all workers must agree, and how every process reads its own."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from renderq_shared.errors import SettingsInvalid
from renderq_shared.host_names import is_host
from renderq_shared.redis.url import check_redis_url
from renderq_shared.s3_url import parse_s3_url
from renderq_shared.settings.addresses import parse_web_url
from renderq_shared.settings.values import PREFIX, CleanEnvironment, check_text, describe_errors, expand


def default_data_dir() -> Path:
    """Return `$XDG_DATA_HOME/renderq`, else `~/.local/share/renderq`, not expanded."""
    return Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share") / "renderq"


class SharedSettings(BaseSettings):
    """Settings on which the API and all workers must agree."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", allow_inf_nan=False)

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
    store_min_free_mb: int = Field(
        64,
        ge=0,
        le=1_000_000_000,
        description="Free space in MB that the disk of a `folder:` store must have. With less, `/readyz` is 503 and "
        "workers do not start.",
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
        15.0,
        ge=0.25,
        le=86_400,
        description="Lease of a claimed job. A worker that does not renew it in time loses the job.",
    )
    max_attempts: int = Field(
        3,
        ge=1,
        le=1_000,
        description="Lost leases after which a job fails with `worker_lost` instead of being requeued.",
    )
    metrics_port: int | None = Field(
        None,
        ge=0,
        le=65_535,
        description="Port of `/metrics` for Prometheus, without a key. `renderq up` gives it to the API, and the "
        "following ports to its workers. Default: none.",
    )
    metrics_host: str = Field("127.0.0.1", description="Address to listen on for metrics.")
    metrics_tenants: Literal["on", "off"] = Field(
        "off",
        description="Whether counters of jobs have the tenant as a label: `on` only where the number of tenants is "
        "small.",
    )
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="Log format; `auto` is `console` on a terminal and `json` elsewhere."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Lowest severity logged.")

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Self:
        """Return the settings of the environment, overridden by command-line options; `None`: not given.

        Raises `SettingsInvalid`.
        """
        try:
            return cls(**{name: value for name, value in options.items() if value is not None})
        except ValidationError as error:
            raise SettingsInvalid("\n".join(describe_errors(error, cls.model_fields))) from error

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, CleanEnvironment(settings_cls)

    @field_validator("*", mode="before")
    @classmethod
    def _check_text(cls, value: object) -> object:
        return check_text(value)

    @field_validator("data", "models")
    @classmethod
    def _expand(cls, path: Path | None) -> Path | None:
        return path and expand(path)

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
            return store
        if not store.startswith("folder:"):
            raise ValueError("must be folder:PATH or s3://BUCKET/PREFIX")
        path = store.removeprefix("folder:").strip()
        return f"folder:{expand(Path(path))}" if path else "folder:"

    @field_validator("s3_public_endpoint")
    @classmethod
    def _check_endpoint(cls, url: str | None) -> str | None:
        if url is not None:
            parse_web_url(url, "https://images.example.com")
        return url

    @field_validator("metrics_host")
    @classmethod
    def _check_metrics_host(cls, host: str) -> str:
        if not is_host(host):
            raise ValueError("must be a host name or an IP address without port, such as 127.0.0.1 or 0.0.0.0")
        return host

    @property
    def store_folder(self) -> Path:
        """Root of a `folder:` store."""
        path = self.store.removeprefix("folder:")
        return Path(path) if path else self.data / "objects"
