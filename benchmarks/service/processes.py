"""Run a measuring module in a process of its own, and read what it has measured."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.service.processes import CHECKOUT, PYTHON, inherited

from .environment import Environment


def measured(module: str, file: Path, environment: Environment, *arguments: str) -> dict[str, Any]:
    """Return the JSON that `benchmarks.service.MODULE` writes to `file`, its first argument.

    Raises:
        SystemExit: it failed; its errors are on our stderr.
    """
    command = [PYTHON, "-m", f"benchmarks.service.{module}", str(file), *arguments]
    ran = subprocess.run(command, cwd=CHECKOUT, env=inherited(**environment.variables), check=False)
    if ran.returncode:
        raise SystemExit(f"{module} {' '.join(arguments)} failed.")
    found: dict[str, Any] = json.loads(file.read_text())
    return found
