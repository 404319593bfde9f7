"""Writes: events are emitted, delivered, sent again; endpoints come and go."""

from kyc.webhooks.services.delivering import abandon_quarantined, deliver, resend, sweep
from kyc.webhooks.services.emitting import emit, ping, purge
from kyc.webhooks.services.endpoints import (
    IssuedEndpoint,
    change_endpoint,
    create_endpoint,
    delete_endpoint,
    disable_endpoint,
    enable_endpoint,
    recover,
    rotate_secret,
)

__all__ = [
    "IssuedEndpoint",
    "abandon_quarantined",
    "change_endpoint",
    "create_endpoint",
    "delete_endpoint",
    "deliver",
    "disable_endpoint",
    "emit",
    "enable_endpoint",
    "ping",
    "purge",
    "recover",
    "resend",
    "rotate_secret",
    "sweep",
]
