"""`renderq up`: Redis, API and workers as supervised child processes of one command."""

from renderq_shared.local.command import command
from renderq_shared.local.embedded_redis import EmbeddedRedis
from renderq_shared.local.service_redis import service_redis_url

__all__ = ["EmbeddedRedis", "command", "service_redis_url"]
