"""Evaluation in the terms of ISO/IEC 19795-1 (recognition) and 30107-3 (attack detection)."""
