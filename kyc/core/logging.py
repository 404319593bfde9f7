"""One line of JSON per event, with the request id; never a body, a header or a personal field."""

from __future__ import annotations

import structlog

from kyc.core.scope import current_or_none


def add_scope(_, __, event):
    scope = current_or_none()
    if scope:
        event.setdefault("tenant", scope.tenant_id)
        event.setdefault("actor", scope.actor)
        event.setdefault("request_id", scope.request_id)
    return event


SHARED: list = [
    structlog.contextvars.merge_contextvars,
    add_scope,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,  # where, never with what: no local variables
]
structlog.configure(
    processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processor": structlog.processors.JSONRenderer(),
            "foreign_pre_chain": SHARED,
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {"django.request": {"level": "ERROR"}},  # 4xx are the caller's, and answered
}
