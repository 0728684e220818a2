"""Telling webhooks what happened to jobs."""

from renderq_api.webhooks.deliveries import Dispatcher
from renderq_api.webhooks.sending import Sender

__all__ = ["Dispatcher", "Sender"]
