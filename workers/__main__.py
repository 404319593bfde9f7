"""`python -m workers --role gpu|io|relay|schedule`"""

from __future__ import annotations

import argparse

from workers.boot import boot

THREADS = {
    "gpu": 4,  # waiting callers of one micro-batcher: enough to fill a batch while the last one computes
    "io": 16,  # webhooks wait on other people's servers
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m workers", description=__doc__)
    parser.add_argument("--role", required=True, choices=["gpu", "io", "relay", "schedule"])
    parser.add_argument("--threads", type=int)
    args = parser.parse_args()
    boot(args.role)
    if args.role == "relay":
        from workers import relay

        relay.main()
    elif args.role == "schedule":
        from workers import schedule

        schedule.main()
    else:
        consume(args.role, args.threads or THREADS[args.role])


def consume(role: str, threads: int) -> None:
    from celery.signals import worker_shutting_down

    from workers import claims
    from workers.app import app

    worker_shutting_down.connect(lambda **_: claims.stopping.set(), weak=False)
    succeed(role)
    if role == "gpu":
        from workers import engine

        engine.load()  # before the first job: a worker without its models must not take any
    # Threads, not processes: CUDA does not survive a fork, and one micro-batcher wants all callers in its process.
    # A thread cannot be ended, so ml.batching's watchdog ends the process when a batch is stuck; the lease does the
    # rest. No gossip, mingle or heartbeat: workers have nothing to tell each other, PostgreSQL knows.
    app.worker_main(
        ["worker", "--pool=threads", f"--concurrency={threads}", f"--queues={role}", "--loglevel=INFO",
         "--without-gossip", "--without-mingle", "--without-heartbeat"]
    )  # fmt: skip


def succeed(role: str) -> None:
    """Take over from a predecessor that was killed: its leases, and the messages it had fetched and not begun."""
    from kyc.core import clock
    from kyc.core.scope import acting_as_system
    from kyc.outbox import relay
    from workers import identity

    identity.bury_the_dead()
    with acting_as_system("worker"):
        relay.doubted(now=clock.now(), queues=[role])


if __name__ == "__main__":
    main()
