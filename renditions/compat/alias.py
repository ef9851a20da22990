"""Let `import versatileimagefield`, and each submodule, import `renditions.compat`.

It needs one line in a settings module:

    import renditions.compat.alias  # noqa: F401

Old imports, `INSTALLED_APPS = ["versatileimagefield"]` and old migrations then use this code.
Both names give the same module object, so no class exists twice.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import spec_from_loader
from types import ModuleType

OLD = "versatileimagefield"
NEW = "renditions.compat"


class BothInstalled(ImportError):
    """django-versatileimagefield is still installed, so its name has two meanings."""


class _AliasLoader(Loader):
    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_module(NEW + spec.name.removeprefix(OLD))
        # The import system overwrites it next; exec_module restores it.
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        assert module.__spec__ is not None
        module.__spec__ = module.__spec__.loader_state


class _AliasFinder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != OLD and not fullname.startswith(f"{OLD}."):
            return None
        return spec_from_loader(fullname, _AliasLoader())


def install() -> None:
    """Install the import hook in this process.

    Raises:
        BothInstalled: the project has to uninstall one of the two packages.
    """
    if any(isinstance(finder, _AliasFinder) for finder in sys.meta_path):
        return
    real = PathFinder.find_spec(OLD)
    # A folder without `__init__.py`, such as one of templates, has no origin.
    if real is not None and real.origin is not None:
        raise BothInstalled(
            f"{__name__} replaces {OLD!r}, but that package is installed in {real.origin}. "
            f"Uninstall it (pip uninstall django-versatileimagefield), or remove {__name__} from "
            "the settings.",
            name=OLD,
        )
    sys.meta_path.insert(0, _AliasFinder())


install()
