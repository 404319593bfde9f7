from __future__ import annotations

import pytest


@pytest.fixture
def vault_of_its_own(settings, tmp_path):
    """A signing key and a WORM directory that no other test writes to."""
    settings.AUDIT_KEYS = tmp_path / "keys"
    settings.AUDIT_WORM_URL = f"file://{tmp_path / 'worm'}"
    return tmp_path
