"""Empty jobs through procrastinate, run by the Python of a virtual environment that has it: prints jobs per second.

python bench/procrastinate_alone.py CONNINFO JOBS CONCURRENCY
"""

import asyncio
import sys
import time

import procrastinate
import psycopg


async def main(conninfo: str, jobs: int, concurrency: int) -> float:
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=conninfo))

    @app.task(name="nothing")
    async def nothing(n: int) -> None:
        pass

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        # an index as large as ours matters little; statistics do
        began = time.monotonic()
        await nothing.batch_defer_async(*[{"n": n} for n in range(jobs)])
        await app.run_worker_async(concurrency=concurrency, wait=False, install_signal_handlers=False)
        spent = time.monotonic() - began
    with psycopg.connect(conninfo) as c:
        (done,) = c.execute("select count(*) from procrastinate_jobs where status = 'succeeded'").fetchone()
    assert done == jobs, f"{done} of {jobs}"
    return jobs / spent


if __name__ == "__main__":
    print(asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
