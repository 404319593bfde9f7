"""HTTP for every area: authentication, problem+json, idempotency, pagination, throttling."""
