"""Prepare the demo's folder and database, then become the supervisor of its processes."""

import fcntl
import os
import sys

import django
from django.core.management import call_command

from .environment import Demo, DemoError
from .supervisor import supervisor_config


def main() -> None:
    """Check that the demo can run here, and run it until it is stopped."""
    try:
        demo = Demo.from_environment()
        demo.claim()
        os.environ.update(demo.variables())
        demo.supervisor_config.touch(mode=0o600)
        demo.supervisor_config.write_text(supervisor_config(demo))
    except DemoError as error:
        sys.exit(f"The demo cannot start: {error}")
    django.setup()
    call_command("migrate", verbosity=0)
    _append_output()
    # exec, and no child process: Ctrl-C reaches the supervisor, and no parent above it can be
    # killed alone.
    command = [sys.executable, "-m", "supervisor.supervisord", "-n", "-c"]
    os.execv(sys.executable, [*command, str(demo.supervisor_config)])  # noqa: S606


def _append_output() -> None:
    """Make every write go to the end of the output file.

    Supervisor and banner write to the same file; without this they overwrite each other.
    """
    flags = fcntl.fcntl(sys.stdout, fcntl.F_GETFL)
    fcntl.fcntl(sys.stdout, fcntl.F_SETFL, flags | os.O_APPEND)


if __name__ == "__main__":
    main()
