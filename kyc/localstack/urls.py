"""Where the servers listen, as the settings want it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Urls:
    """Connection URLs of one database on one stack."""

    sockets: Path  # the directory that holds both sockets
    name: str = "vouch"

    def _as(self, role: str) -> str:
        return f"postgresql://{role}@/{quote(self.name)}?host={quote(str(self.sockets), safe='')}"

    @property
    def database(self) -> str:
        """What the web tier logs in with: one tenant at a time."""
        return self._as("vouch_app")

    @property
    def database_system(self) -> str:
        """What workers, relay and schedule log in with: across tenants."""
        return self._as("vouch_system")

    @property
    def database_owner(self) -> str:
        """What migrations log in with: owns the tables, still subject to row-level security."""
        return self._as("vouch_owner")

    @property
    def superuser(self) -> str:
        return self._as("postgres")

    @property
    def broker(self) -> str:
        return f"redis+socket://{self.sockets / 'valkey.sock'}?virtual_host=1"

    def for_database(self, name: str) -> Urls:
        return replace(self, name=name)

    def env(self) -> dict[str, str]:
        """The variables that point Vouch's processes here. A web process should be given no SYSTEM or OWNER."""
        return {
            "DATABASE_URL": self.database,
            "DATABASE_SYSTEM_URL": self.database_system,
            "DATABASE_OWNER_URL": self.database_owner,
            "BROKER_URL": self.broker,
        }
