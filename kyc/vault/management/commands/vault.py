"""manage.py vault init | status | new-kek | rotate | retire KEK_ID"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from kyc.core.errors import Problem
from kyc.core.scope import acting_as_system
from kyc.vault import queries, services
from kyc.vault.wrappers.local import LocalKeyFile, create_key_file


class Command(BaseCommand):
    help = "Key-encryption keys: make the local key file, add a key, re-wrap every data key, retire the old key."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("init", help="make the local key file, if there is none")
        verbs.add_parser("status", help="how many data keys each key-encryption key wraps")
        verbs.add_parser("new-kek", help="add a key to the local key file and make it current")
        rotate = verbs.add_parser("rotate", help="re-wrap data keys under the current key; safe to run again")
        rotate.add_argument("--batch", type=int, default=services.BATCH)
        verbs.add_parser("retire", help="remove an unused key from the local key file").add_argument("kek_id")

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        try:
            with acting_as_system("vault"):
                getattr(self, "do_" + verb.replace("-", "_"))(options)
        except Problem as e:
            raise CommandError(f"{e.code}: {e.detail} {e.next_step}") from e

    def do_init(self, options: dict[str, Any]) -> None:
        keys = self._file()
        create_key_file(keys.path)
        self.stdout.write(f"{keys.path}: current key {keys.current()}. Back it up apart from the database.")

    def do_status(self, options: dict[str, Any]) -> None:
        current = services.wrapper().current()
        for kek_id, number in {current: 0, **queries.count_by_kek()}.items():
            self.stdout.write(f"{number:>9}  {kek_id}{'  (current)' if kek_id == current else ''}")

    def do_new_kek(self, options: dict[str, Any]) -> None:
        self.stdout.write(f"{self._file().add_key()} is current. Now run: manage.py vault rotate")

    def do_rotate(self, options: dict[str, Any]) -> None:
        done, failed = services.rotate(batch=options["batch"], progress=self._progress)
        self.stdout.write(f"{done} data keys re-wrapped under {services.wrapper().current()}.")
        if failed:
            raise CommandError(f"{failed} data keys did not open and were left as they are.")

    def do_retire(self, options: dict[str, Any]) -> None:
        kek_id = options["kek_id"]
        if left := queries.count_by_kek().get(kek_id):
            raise CommandError(f"{left} data keys are still under {kek_id}. Run: manage.py vault rotate")
        self._file().forget_key(kek_id)
        self.stdout.write(f"{kek_id} removed. Backups older than the rotation can no longer be opened.")

    def _progress(self, done: int, failed: int) -> None:
        self.stdout.write(f"  {done} re-wrapped, {failed} failed")

    def _file(self) -> LocalKeyFile:
        keys = services.wrapper()
        if not isinstance(keys, LocalKeyFile):
            raise CommandError("VOUCH_KEYS_URL names no local key file: rotate the key in the key service itself.")
        return keys
