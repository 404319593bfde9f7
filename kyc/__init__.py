"""The service: people, evidence, decisions and their audit. Knows nothing of torch or Celery."""
