"""Typed reading of the environment. `bool("false")` is True; this module is why we never write it."""

from __future__ import annotations

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from psycopg.conninfo import conninfo_to_dict

TRUE, FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off", ""}


def flag(name: str, *, default: bool) -> bool:
    raw = os.environ.get(name)
    if raw is None:
        return default
    word = raw.strip().lower()
    if word in TRUE:
        return True
    if word in FALSE:
        return False
    raise ImproperlyConfigured(f"{name}={raw!r} is neither true nor false")


def number(name: str, *, default: int) -> int:
    raw = os.environ.get(name, "")
    try:
        return int(raw) if raw else default
    except ValueError as e:
        raise ImproperlyConfigured(f"{name}={raw!r} is not a whole number") from e


def words(name: str, *, default: str = "") -> list[str]:
    """Comma-separated words, blanks dropped."""
    return [w.strip() for w in os.environ.get(name, default).split(",") if w.strip()]


def path(name: str, *, default: Path) -> Path:
    return Path(os.environ.get(name) or default).expanduser().resolve()


def database(url: str) -> dict:
    """A libpq connection string or URL as a Django DATABASES entry."""
    parts = conninfo_to_dict(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.pop("dbname", ""),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", ""),
        "PORT": str(parts.pop("port", "")),
        "CONN_MAX_AGE": 60,  # seconds; longer keeps dead servers' sockets, shorter pays the handshake
        "CONN_HEALTH_CHECKS": True,  # a restarted PostgreSQL costs one reconnect, not one error
        "OPTIONS": {"connect_timeout": 5, **parts},
    }
