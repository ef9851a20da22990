"""How PostgreSQL finds the rows of a statement."""

import json
import re
from collections.abc import Iterator
from typing import Any

from django.db import connection

EXPLAINED = re.compile(r"\s*(SELECT|UPDATE|DELETE|WITH)\b", re.IGNORECASE)


def scans(statements: list[str], table: str) -> list[str]:
    """Return how the rows of `table` are found in `statements`, each way once."""
    found: dict[str, None] = {}
    for sql in statements:
        if table in sql and EXPLAINED.match(sql):
            for node in _nodes(_plan(sql)):
                if node.get("Relation Name") == table and "Scan" in node["Node Type"]:
                    found[_name(node)] = None
                elif (
                    "Index Name" in node
                    and table.removeprefix("rendition_workers_") in (node["Index Name"])
                ):
                    found[node["Index Name"]] = None
    return list(found)


def _name(node: dict[str, Any]) -> str:
    return node.get("Index Name") or node["Node Type"].lower()


def _plan(sql: str) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}".replace("%", "%%"))
        [found] = cursor.fetchone()
    found = json.loads(found) if isinstance(found, str) else found
    plan: dict[str, Any] = found[0]["Plan"]
    return plan


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)
