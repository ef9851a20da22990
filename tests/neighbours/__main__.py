# ruff: noqa: T201
"""`make neighbours`: run the test job of each neighbour, or of those that are named.

Arguments are names of jobs; what follows `--` goes to pytest.
"""

import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError

from tests.service.processes import CHECKOUT

from .jobs import JOBS, Job


def passes(job: Job, arguments: list[str]) -> bool:
    """Run the job; return whether all of its tests have passed."""
    try:
        print(f"== {job.name}: {job.versions()}", flush=True)
    except PackageNotFoundError as error:
        print(f"== {job.name}: {error.name} is not installed", flush=True)
        return False
    command = [sys.executable, "-m", "pytest", *job.command, *arguments]
    environment = {**os.environ, "NEIGHBOUR": job.name}
    return subprocess.run(command, cwd=CHECKOUT, env=environment).returncode == 0


def main() -> int:
    names, _, arguments = " ".join(sys.argv[1:]).partition("--")
    wanted = names.split()
    unknown = set(wanted) - {job.name for job in JOBS}
    if unknown:
        print(f"Unknown: {', '.join(sorted(unknown))}. Known: {', '.join(j.name for j in JOBS)}.")
        return 2
    jobs = [job for job in JOBS if not wanted or job.name in wanted]
    failed = [job.name for job in jobs if not passes(job, arguments.split())]
    print(f"{len(jobs) - len(failed)} of {len(jobs)} neighbours: all is well.")
    if failed:
        print(f"Failed: {', '.join(failed)}.")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
