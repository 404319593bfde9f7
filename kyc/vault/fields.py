"""A column that holds a sealed value, and the two verbs that fill and open it.

Nothing is sealed or opened by magic: a list of a thousand applicants decrypts nothing, and the code that reads a
name says so.

    class Applicant(models.Model):
        name = SealedField(null=True)

    fields.put(applicant, owner=applicant.id, name="Ada Lovelace", born="1815-12-10")
    fields.get(applicant, "name", owner=applicant.id)     # {"name": "Ada Lovelace"}
"""

from __future__ import annotations

import json
from typing import Any

from django.db import models

from kyc.vault import services
from kyc.vault.boxes import Box

VERSION = 1  # of the layout: JSON, UTF-8


class SealedField(models.BinaryField):
    """Holds a Box or NULL; refuses anything unsealed, so a forgotten `put` is an error and not a leak."""

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if value is not None and not isinstance(value, Box):
            raise TypeError(f"{self.attname} must be sealed first (kyc.vault.fields.put)")
        return super().get_db_prep_value(value, connection, prepared)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Box | None:
        return None if value is None else Box(value)


def put(row: models.Model, *, owner: str, key: services.MintedKey | None = None, **values: Any) -> None:
    """Seal JSON values into the row's sealed fields; None clears one. The row is not saved."""
    for name, value in values.items():
        plaintext = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
        box = None if value is None else services.seal(owner, _kind(row, name), VERSION, plaintext, key=key)
        setattr(row, name, box)


def get(row: models.Model, *names: str, owner: str) -> dict[str, Any]:
    """The opened values; None where nothing is held."""
    return {name: _open(row, name, owner) for name in names}


def _open(row: models.Model, name: str, owner: str) -> Any:
    box = getattr(row, name)
    return None if box is None else json.loads(services.open_sealed(owner, _kind(row, name), VERSION, box))


def _kind(row: models.Model, name: str) -> str:
    """Table, column and row: a box copied to any other cell does not open."""
    if not isinstance(row._meta.get_field(name), SealedField):
        raise TypeError(f"{name} is not a sealed field")
    if not row.pk:
        raise ValueError("the row needs its id before its fields are sealed")
    return f"{row._meta.label_lower}.{name}:{row.pk}"
