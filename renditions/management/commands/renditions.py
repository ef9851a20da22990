"""manage.py renditions: each module of a package that was given to `add_actions` is an action."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand

from renditions.shell import Action, all_actions


class Command(BaseCommand):
    """`manage.py renditions ACTION ...`."""

    help = "Look after the renditions of image fields. `renditions ACTION --help` has examples."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        for name, action in all_actions().items():
            own = actions.add_parser(
                name,
                help=action.help,
                description=action.help,
                epilog=_epilog(action),
                formatter_class=argparse.RawDescriptionHelpFormatter,
            )
            action.add_arguments(own)
            # Django accepts its own options only before the action.
            own.add_argument(
                "-v", "--verbosity", type=int, choices=range(4), default=argparse.SUPPRESS
            )

    def handle(self, *args: Any, **options: Any) -> None:
        all_actions()[options["action"]].run(self.stdout, self.stderr, options)


def _epilog(action: Action) -> str:
    lines = [f"  manage.py renditions {example}" for example in action.examples.splitlines()]
    # argparse expands %(name)s here as well.
    return "\n".join(["Examples:", *lines, *(["", action.notes] if action.notes else [])])
