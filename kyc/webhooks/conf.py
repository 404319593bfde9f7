"""The sender that the settings ask for."""

from __future__ import annotations

import ipaddress

from django.conf import settings

from kyc.webhooks.addresses import Reach
from kyc.webhooks.sender import Sender


def reach() -> Reach:
    networks = tuple(ipaddress.ip_network(n) for n in settings.WEBHOOK_NETWORKS)
    return Reach(private=settings.WEBHOOK_ALLOW_PRIVATE, networks=networks)


def ports() -> frozenset[int]:
    return frozenset(settings.WEBHOOK_PORTS)


def sender() -> Sender:
    return Sender(reach=reach(), ports=ports(), ca_file=settings.WEBHOOK_CA_FILE)
