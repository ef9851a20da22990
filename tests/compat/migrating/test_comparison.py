"""A project of django-versatileimagefield, run on that package and on this one.

Only the steps of docs/migrating.md change the project.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat

from . import old_package, pictures

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
# Exits with 1 at the first command that finds something.
CHECK_ALL = """
import django; django.setup()
from django.core.management import call_command
call_command("makemigrations", check_changes=True, dry_run=True)
call_command("migrate", check_unapplied=True)
call_command("check", fail_level="WARNING")
"""
GUIDE = (ROOT / "docs/migrating.md").read_text()
# Two encoders differ by less for one small picture; 0-255.
MAX_DIFFERENCE = 6.0
# The old package resampled the numbers of palettes as if they were colours, and its invert
# filter lost transparency. docs/migrating.md says so.
PICTURES_THAT_WERE_WRONG = ("palette", "see-through__invert__")


def new_project(folder: Path) -> Path:
    """Return a fresh copy of the project, with pictures to upload."""
    shutil.copytree(HERE / "project", folder)
    pictures.draw_into(folder / "pictures")
    return folder


def run(project: Path, *args: str, old: bool = False) -> str:
    """Run Python in `project` and return what it prints."""
    paths = [old_package.installed(), HERE] if old else [ROOT]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *args],
        cwd=project,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)),
             "DJANGO_SETTINGS_MODULE": "shop.settings"},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def with_alias(project: Path) -> Path:
    """Do step 2 of the how-to: one line in the settings."""
    [line] = re.findall(r"^import renditions.compat.alias.*$", GUIDE, re.MULTILINE)
    settings = project / "shop/settings.py"
    settings.write_text(f"{line}\n{settings.read_text()}")
    return project


def with_new_imports(project: Path) -> Path:
    """Do step 6 of the how-to: one command, and the line of the alias by hand."""
    change_imports(project)
    settings = project / "shop/settings.py"
    text = re.sub(
        r"^import renditions.compat.alias.*\n", "", settings.read_text(), flags=re.MULTILINE
    )
    settings.write_text(text)
    return project


def change_imports(project: Path, *options: str) -> None:
    """Run the command of the how-to that has these options besides `--write`."""
    commands = re.findall(
        r"^python (-m renditions.compat.rename \.(?: --back)?) --write$", GUIDE, re.MULTILINE
    )
    command = next(each for each in commands if ("--back" in options) == ("--back" in each))
    run(project, *command.split(), "--write")


def media(project: Path) -> dict[str, bytes]:
    """Return all files by name."""
    root = project / "media"
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """The project on the old package, with all files that it made."""
    project = new_project(tmp_path_factory.mktemp("old") / "project")
    return project, json.loads(run(project, "look.py", old=True))


@pytest.fixture(scope="module", params=[with_alias, with_new_imports])
def after(request, tmp_path_factory):
    """The project on this package, with a new database and no files."""
    project = request.param(new_project(tmp_path_factory.mktemp("new") / "project"))
    return project, json.loads(run(project, "look.py"))


@pytest.fixture(scope="module")
def moved(before, tmp_path_factory):
    """The project on this package, with the old database and the old files."""
    project = tmp_path_factory.mktemp("moved") / "project"
    shutil.copytree(before[0], project)
    with_alias(project)
    return project, json.loads(run(project, "look.py"))


def test_the_old_project_works(before):
    """Without files of the old package, the comparison would prove nothing."""
    project, seen = before

    assert len(seen["rows"]) == len(pictures.NAMES)
    assert len(media(project)) > 100


def test_every_url_and_name_is_the_same(before, after):
    old, new = before[1], after[1]

    for what in ("rows", "points", "template", "names", "warmed"):
        assert new[what] == old[what], what


def test_the_api_returns_the_same(before, after):
    """The old package lost the order of a key set, so the order is not compared."""
    old, new = before[1]["api"], after[1]["api"]

    assert [dict(person) for person in new] == [dict(person) for person in old]


def test_every_file_has_the_same_path(before, after):
    assert set(visible(media(after[0]))) == set(media(before[0]))


def visible(files):
    return [name for name in files if not name.startswith(".")]


def test_every_picture_is_the_same(before, after):
    """Size and format are equal, and the pixels nearly so."""
    old, new = before[0] / "media", after[0] / "media"
    for name in media(before[0]):
        was, now = opened(old / name), opened(new / name)
        assert (now.size, now.format) == (was.size, was.format), name
        if not any(part in name for part in PICTURES_THAT_WERE_WRONG):
            assert difference(was, now) < MAX_DIFFERENCE, name


def opened(path):
    with Image.open(path) as image:
        image.load()
    return image


def difference(one, other):
    """Return the mean difference of two pictures, 0-255."""
    shown = [ground(image.convert("RGBA")) for image in (one, other)]
    return sum(ImageStat.Stat(ImageChops.difference(*shown)).mean) / 3


def ground(image):
    paper = Image.new("RGB", image.size, "white")
    paper.paste(image, mask=image.getchannel("A"))
    return paper


def test_no_file_is_made_again(before, moved):
    """Files of the old package are still served, byte for byte."""
    old, new = media(before[0]), media(moved[0])

    assert {name: new[name] for name in old} == old
    assert set(visible(new)) == set(old)
    assert moved[1]["template"] == before[1]["template"]


def test_adopt_adopts_all_files_of_the_old_package(moved):
    output = run(
        moved[0], "manage.py", "renditions", "adopt", "people.Person.headshot",
        "--set", "person_headshot",
    )  # fmt: skip

    count = 8 * len(pictures.NAMES)
    assert f"people.Person.headshot: {count} adopted." in output


def test_no_migration_is_proposed(after, moved):
    for project in (after[0], moved[0]):
        run(project, "-c", CHECK_ALL)


def test_imports_can_be_changed_later(moved, tmp_path):
    """With the old database, no migration is proposed after that, either."""
    project = tmp_path / "project"
    shutil.copytree(moved[0], project)
    with_new_imports(project)

    run(project, "-c", CHECK_ALL)


def test_new_imports_beside_old_migrations_propose_nothing(moved, tmp_path):
    """Old migrations can keep their imports."""
    project = tmp_path / "project"
    shutil.copytree(moved[0], project)
    migrations = project / "shop/people/migrations/0001_initial.py"
    untouched = migrations.read_text()
    with_new_imports(project)
    migrations.write_text(untouched)
    with_alias(project)

    run(project, "-c", CHECK_ALL)


def test_there_is_a_way_back(before, moved, tmp_path):
    """After step 6 and its way back, the project runs on the old package, with the new database."""
    project = tmp_path / "project"
    shutil.copytree(moved[0], project)
    with_new_imports(project)
    change_imports(project, "--back")

    assert sources(project) == sources(before[0])
    assert json.loads(run(project, "look.py", old=True))["names"] == before[1]["names"]


def sources(project):
    return {path.relative_to(project): path.read_text() for path in sorted(project.rglob("*.py"))}


def test_the_first_step_installs_this_package():
    """And it removes nothing that the project may need."""
    step = GUIDE.split("## 1.")[1].split("## 2.")[0]
    [install] = re.findall(r'^pip install "/path/to/(.*)\[(.*)\]"$', step, re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert install[0] == project["name"]
    assert install[1] in project["optional-dependencies"]
    assert re.findall(r"^pip uninstall (.*)$", step, re.MULTILINE) == [
        "-y django-versatileimagefield"
    ]


@pytest.mark.parametrize("imported", ["renditions.compat.alias", "versatileimagefield"])
def test_the_alias_refuses_to_hide_the_installed_package(tmp_path, imported):
    """Also if a file of the project installs the alias."""
    (tmp_path / "versatileimagefield.py").write_text("import renditions.compat.alias")
    done = subprocess.run(
        [sys.executable, "-c", f"import {imported}"],
        env={**os.environ, "PYTHONPATH": f"{old_package.installed()}{os.pathsep}{ROOT}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "pip uninstall django-versatileimagefield" in done.stderr
    assert "BothInstalled" in done.stderr
