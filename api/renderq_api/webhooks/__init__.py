"""Webhook deliveries: claim due events from the outbox, sign, send, retry."""

from renderq_api.webhooks.dispatcher import Dispatcher
from renderq_api.webhooks.sender import Sender

__all__ = ["Dispatcher", "Sender"]
