"""The examples of the page "Works with", as modules of a test project."""

import re
import sys
from types import ModuleType

from tests.service.processes import CHECKOUT


def module_of(heading: str, name: str) -> ModuleType:
    """Return the last Python example below `heading`, as the module `name`."""
    page = (CHECKOUT / "docs/works-with.md").read_text()
    section = page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    code = re.findall(r"```python\n(.*?)```", section, re.DOTALL)[-1]
    module = ModuleType(name)
    module.__package__ = name.rpartition(".")[0]
    # Libraries look up the annotations of a class in its module.
    sys.modules[name] = module
    exec(compile(code, f"works-with.md: {heading}", "exec"), vars(module))
    return module
