"""The app with the models of a run."""

import os

from django.apps import AppConfig

ROLE = "CHAOS_ROLE"


class ChaosConfig(AppConfig):
    name = "tests.chaos.app"
    label = "chaos"

    def ready(self) -> None:
        """Register traps and receivers, attach the witness to a worker, apply hooks and guards."""
        from tests.chaos import guards, hooks, witness
        from tests.chaos.environment import Environment

        from . import receivers, traps

        environment = Environment.of_this_process()
        traps.register()
        receivers.connect(is_early=True)
        if os.environ.get(ROLE) == "worker":
            witness.attach(environment.witness)
        for name in environment.hooks:
            hooks.HOOKS[name]()
        for name in environment.without:
            guards.GUARDS[name]()
