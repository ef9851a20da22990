"""Let `import versatileimagefield`, and each submodule, import `renditions.compat`.

It needs one line in a settings module:

    import renditions.compat.alias  # noqa: F401

Old imports, `INSTALLED_APPS = ["versatileimagefield"]` and old migrations then use this code.
Both names give the same module object, so no class exists twice.

A script may import `versatileimagefield` before it imports the settings. For such scripts the same
line is the content of a file `versatileimagefield.py` beside `manage.py`.
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
    origin = _real_origin()
    if origin is not None:
        raise BothInstalled(
            f"{__name__} replaces {OLD!r}, but that package is installed in {origin}. "
            f"Uninstall it (pip uninstall django-versatileimagefield), or remove {__name__} from "
            "the settings.",
            name=OLD,
        )
    sys.meta_path.insert(0, _AliasFinder())
    if OLD in sys.modules:
        # The project's file `versatileimagefield.py` is being imported, and it imports this module.
        # The import system returns what is in `sys.modules` afterwards.
        sys.modules[OLD] = import_module(NEW)


def _real_origin() -> str | None:
    """Return where the package itself is installed: not a module, and not a folder of templates."""
    for entry in sys.path:
        spec = PathFinder.find_spec(OLD, [entry])
        if spec and spec.origin and spec.submodule_search_locations:
            return spec.origin
    return None


install()
