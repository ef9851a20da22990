"""The app of the run's own models."""

import os

from django.apps import AppConfig

ROLE = "CHAOS_ROLE"


class ChaosConfig(AppConfig):
    name = "tests.chaos.app"
    label = "chaos"

    def ready(self) -> None:
        """Register the traps, take out the guards, and in workers let the witness look on."""
        from tests.chaos import guards, hooks, witness
        from tests.chaos.environment import Place

        from . import traps

        place = Place.of_this_process()
        traps.register()
        if os.environ.get(ROLE) == "worker":
            witness.attach(place.witness)
        for name in place.hooks:
            hooks.HOOKS[name]()
        for name in place.without:
            guards.GUARDS[name]()
