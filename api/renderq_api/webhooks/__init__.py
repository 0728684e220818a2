"""Telling webhooks what happened to jobs."""

from renderq_api.webhooks.dispatcher import Dispatcher
from renderq_api.webhooks.sender import Sender

__all__ = ["Dispatcher", "Sender"]
