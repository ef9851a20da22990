"""`make manage ARGS='renditions status'`: a management command with the environment of the demo."""

import os
import sys

from django.core.management import execute_from_command_line

from .environment import Demo, DemoError


def main() -> None:
    """Run the command on database, broker, cache and pictures of the demo."""
    try:
        demo = Demo.from_environment()
        if not (demo.folder / "secret_key").exists():
            raise DemoError(f"no demo has run in {demo.folder}. Start it first: make demo")
    except DemoError as error:
        sys.exit(f"There is nothing to manage: {error}")
    os.environ.update(demo.variables())
    execute_from_command_line(["manage.py", *sys.argv[1:]])


if __name__ == "__main__":
    main()
