"""The body of a webhook: what changed and where to read it. Pure. The same bytes at every attempt."""

from __future__ import annotations

import json
from datetime import UTC, datetime


def body(
    *, event_id: str, event_type: str, created_at: datetime, sequence: int, object_type: str, object_id: str,
    status: str,
) -> bytes:  # fmt: skip
    """JSON, UTF-8. Ids and status only; details are read over the API, with a key and its scopes."""
    content = {
        "id": event_id,
        "type": event_type,
        "created_at": created_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "sequence": sequence,
        "object": {"type": object_type, "id": object_id, "status": status},
    }
    return json.dumps(content, separators=(",", ":")).encode()
