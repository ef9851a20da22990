"""`import versatileimagefield` and all its submodules, answered by `renditions.compat`.

One line in a settings module:

    import renditions.compat.alias  # noqa: F401

Old imports, `INSTALLED_APPS = ["versatileimagefield"]` and old migrations then work on this code.
Each name is the same module under both names, never a second copy of it.
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
    """The package that the alias stands for is installed, too."""


class _AliasLoader(Loader):
    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = import_module(NEW + spec.name.removeprefix(OLD))
        # The import system is about to write the alias's spec over it.
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
    """Let `versatileimagefield` mean `renditions.compat`, in this process.

    Raises:
        BothInstalled: django-versatileimagefield is there; which of the two runs must be plain.
    """
    if any(isinstance(finder, _AliasFinder) for finder in sys.meta_path):
        return
    real = PathFinder.find_spec(OLD)
    # A folder without code, of templates for one, has no origin.
    if real is not None and real.origin is not None:
        raise BothInstalled(
            f"{__name__} stands in for {OLD!r}, but that is installed in {real.origin}. "
            f"Uninstall it (pip uninstall django-versatileimagefield), or take {__name__} out of "
            "the settings.",
            name=OLD,
        )
    sys.meta_path.insert(0, _AliasFinder())


install()
