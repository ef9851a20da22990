"""New databases for the measured processes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .table import POSTGRES


def new_database(kind: str, name: str, folder: Path, server: Mapping[str, Any]) -> dict[str, Any]:
    """Return what Django's DATABASES takes, for an empty database called `name`."""
    if kind == POSTGRES:
        import psycopg

        address = {"host": server["HOST"], "user": server["USER"], "dbname": "postgres"}
        with psycopg.connect(**address, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return {**server, "NAME": name, "CONN_MAX_AGE": 60}
    options = {
        # Those of `config.settings`.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
    }
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(folder / f"{name}.sqlite3"),
        "OPTIONS": options,
    }
