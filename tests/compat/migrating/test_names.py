"""Every name in every module of the old package is in the same module of this one."""

import importlib
import json

import pytest
from django.test import override_settings

from renditions.compat.alias import NEW, OLD

from .test_comparison import new_project, run

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

STANDARD_LIBRARY = "Code that needs it imports it from the standard library."
EXEMPT = {
    "copy": STANDARD_LIBRARY,
    "import_module": STANDARD_LIBRARY,
    "logging": STANDARD_LIBRARY,
    "os": STANDARD_LIBRARY,
    "re": STANDARD_LIBRARY,
    "reduce": STANDARD_LIBRARY,
    "stdout": STANDARD_LIBRARY,
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
