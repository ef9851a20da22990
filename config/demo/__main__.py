"""Prepare a place for the demo, then become its supervisor."""

import fcntl
import os
import sys

import django
from django.core.management import call_command

from .places import Demo, DemoError
from .programs import supervisor_config


def main() -> None:
    """Check that the demo can run here, and run it until somebody stops it."""
    try:
        demo = Demo.from_environment()
        demo.claim()
        os.environ.update(demo.environment())
        demo.supervisor_config.touch(mode=0o600)
        demo.supervisor_config.write_text(supervisor_config(demo))
    except DemoError as error:
        sys.exit(f"The demo cannot start: {error}")
    django.setup()
    call_command("migrate", verbosity=0)
    _share_output()
    # The same process goes on as the supervisor, so there is nobody above it who could be killed
    # and leave it behind, and Ctrl-C reaches it.
    command = [sys.executable, "-m", "supervisor.supervisord", "-n", "-c"]
    os.execv(sys.executable, [*command, str(demo.supervisor_config)])  # noqa: S606


def _share_output() -> None:
    """Let two processes write to the output one after the other, also where it is a file."""
    flags = fcntl.fcntl(sys.stdout, fcntl.F_GETFL)
    fcntl.fcntl(sys.stdout, fcntl.F_SETFL, flags | os.O_APPEND)


if __name__ == "__main__":
    main()
