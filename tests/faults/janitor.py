"""The evidence janitor as it will be in two days: in a process of its own, under the system login."""

from datetime import timedelta

from workers.boot import boot


def main() -> None:
    boot("manage")
    from kyc.core import clock
    from kyc.core.scope import acting_as_system
    from kyc.evidence import janitor

    later = clock.now() + timedelta(days=2)
    with acting_as_system("test"):
        print(janitor.sweep(now=later), janitor.sweep_strays(now=later))


if __name__ == "__main__":
    main()
