# ruff: noqa: T201
"""`make messages`: update and compile all catalogues, and list the texts that need a translator."""

from .catalogues import TRANSLATIONS

for translation in TRANSLATIONS:
    translation.write()
    for fault in translation.faults():
        print(f"{translation.room}, {translation.language}: {fault}")
