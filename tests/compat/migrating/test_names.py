"""Every name in every module of the old package is in the same module of this one."""

import importlib
import json
import sys
from types import ModuleType

import pytest
from django.test import override_settings

from renditions.compat.alias import NEW, OLD

from .test_comparison import new_project, run, with_alias

LIST_NAMES = """
import importlib, json, pkgutil
import django; django.setup()
import versatileimagefield as package
found = pkgutil.walk_packages(package.__path__, "versatileimagefield.")
names = {}
for path in ["versatileimagefield", *(each.name for each in found)]:
    module = importlib.import_module(path)
    public = [name for name in vars(module) if not name.startswith("_")]
    names[path] = [
        [name for name in vars(module) if not name.startswith("__")],
        getattr(module, "__all__", public),
    ]
print(json.dumps(names))
"""

EXEMPT = {
    "unicode_literals": "It is a statement for Python 2.",
    "magic": "This package does not need python-magic, so it may not be installed.",
}


@pytest.fixture(scope="module")
def old_names(tmp_path_factory):
    """All names of each module of the old package, and those that a star import gives."""
    project = new_project(tmp_path_factory.mktemp("names") / "project")
    return json.loads(run(project, "-c", LIST_NAMES, old=True))


def module(path):
    return importlib.import_module(NEW + path.removeprefix(OLD))


def test_every_name_is_served(old_names):
    modules = {path: module(path) for path in old_names}
    missing = [
        f"{path}.{name}"
        for path, (names, _) in old_names.items()
        for name in names
        if name not in EXEMPT and not hasattr(modules[path], name)
    ]

    assert len(old_names) > 20
    assert missing == []


ONE_IMPORT = """
import django; django.setup()
import importlib, sys, versatileimagefield
found = {name: getattr(versatileimagefield, name) for name in sys.argv[1:]}
for name, module in found.items():
    assert module is importlib.import_module(f"versatileimagefield.{name}"), name
"""


def test_the_package_has_its_modules_as_attributes(old_names, tmp_path):
    """Code may import the package alone: the old one imports its modules when apps are ready."""
    modules = [name for name in old_names[OLD][0] if f"{OLD}.{name}" in old_names]

    assert {"registry", "settings", "utils"} <= set(modules)
    run(with_alias(new_project(tmp_path / "project")), "-c", ONE_IMPORT, *modules)


@pytest.mark.parametrize("installed", [True, False])
def test_python_magic_is_served_if_it_is_installed(monkeypatch, installed):
    """A test of the project may patch `versatileimagefield.utils.magic`."""
    monkeypatch.setitem(sys.modules, "magic", ModuleType("magic") if installed else None)

    assert hasattr(module(f"{OLD}.utils"), "magic") is installed


def test_a_star_import_gives_the_same_names(old_names):
    missing = []
    for path, (_, names) in old_names.items():
        if path == OLD:
            continue
        given: dict = {}
        exec(f"from {NEW + path.removeprefix(OLD)} import *", given)
        # A submodule is a name of its package only after something has imported it.
        submodules = {each.removeprefix(f"{path}.") for each in old_names}
        missing += [
            f"{path}.{name}" for name in names if name not in {*given, *EXEMPT, *submodules}
        ]

    assert missing == []


def test_names_of_settings_are_read_when_they_are_looked_up(old_names):
    paths = [
        path
        for path, (names, _) in old_names.items()
        if "JPEG_QUAL" in names and "WEBP_QUAL" in names
    ]

    assert len(paths) == 3
    with override_settings(RENDITIONS={"JPEG_QUALITY": 33, "WEBP_QUALITY": 44}):
        assert [(module(path).JPEG_QUAL, module(path).WEBP_QUAL) for path in paths] == [
            (33, 44)
        ] * 3
    assert {module(path).JPEG_QUAL for path in paths} == {70}
