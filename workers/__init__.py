"""Celery workers, the relay and the schedule: they carry jobs between PostgreSQL and the engine."""
