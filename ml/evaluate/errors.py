"""What stops an evaluation, with the next step in the sentence."""

from __future__ import annotations


class EvaluationError(Exception):
    """The material cannot answer the question; the message says what would."""
