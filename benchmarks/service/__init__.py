"""What the service costs beyond rendering: object stores, saves, jobs, bulk runs, pages.

    python -m benchmarks.service                   every row of the table, on SQLite and PostgreSQL
    python -m benchmarks.service --delay-ms 50     another answer time of the object store
    python -m benchmarks.service --only jobs       one group of rows
    python -m benchmarks.service --quick           few rounds: does it run?
    python -m benchmarks.service --scale           1 to 8 worker processes, and large ledgers

Everything is measured through the entry points of the product: a save, `workers.worker.run_job`,
`workers.runs.advance`, the URLs of a page. Servers are real: Valkey, PostgreSQL, and an object
store in a process of its own. Each group of rows is measured in a new process for each database.
"""
