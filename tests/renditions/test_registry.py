import sys

import pytest

from renditions.registry import autodiscover


@pytest.mark.parametrize("module", ["renditions", "versatileimagefield"])
def test_autodiscover_imports_the_modules_of_apps(module, registry, settings, tmp_path):
    """Both module names are imported from every installed app."""
    make_app(tmp_path, settings, "discovered", module, "FOUND = True\n")

    autodiscover()

    assert sys.modules.pop(f"discovered.{module}").FOUND


@pytest.mark.parametrize("module", ["renditions", "versatileimagefield"])
def test_a_broken_module_leaves_the_registry_as_it_was(module, registry, settings, tmp_path):
    """The error is raised, and a second attempt does not find the name registered."""
    make_app(
        tmp_path,
        settings,
        "broken",
        module,
        "from renditions.imaging.sizers import Crop\n"
        "from renditions.registry import versatileimagefield_registry\n"
        "versatileimagefield_registry.register_sizer('half', Crop)\n"
        "import nothing_of_this_name\n",
    )

    with pytest.raises(ImportError, match="nothing_of_this_name"):
        autodiscover()

    assert not registry.has_sizer("half")


def make_app(folder, settings, name, module, text):
    """Install an app called `name` with one module."""
    package = folder / name
    package.mkdir()
    (package / "__init__.py").touch()
    (package / f"{module}.py").write_text(text)
    sys.path.insert(0, str(folder))
    for loaded in [loaded for loaded in sys.modules if loaded.split(".")[0] == name]:
        del sys.modules[loaded]
    try:
        # Without `renditions`, whose start-up would import the module already.
        settings.INSTALLED_APPS = [name]
    finally:
        sys.path.remove(str(folder))
