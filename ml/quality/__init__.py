"""How usable a photograph is, as numbers: the components of ISO/IEC 29794-5 that five points allow.

What they do not allow, and is therefore absent: eyes open, mouth closed, expression, head covering.
Measures judge nothing. Thresholds belong to the policy; `defaults.json` recommends some, with reasons.
"""

from __future__ import annotations

from ml.quality.assess import assess, recommended

__all__ = ["assess", "recommended"]
