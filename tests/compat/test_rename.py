"""The command that changes the imports of a project."""

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from renditions.compat import rename as command
from renditions.compat.rename import BACK, FORWARD, MODULES, main, rename

ROOT = Path(__file__).parents[2]

# Each file, and what becomes of it.
CHANGED = {
    "from versatileimagefield.fields import A": "from renditions.compat.fields import A",
    "from versatileimagefield import utils": "from renditions.compat import utils",
    "from  versatileimagefield . fields import A": "from  renditions.compat . fields import A",
    "from versatileimagefield.fields import (\n    A,  # versatileimagefield\n)": (
        "from renditions.compat.fields import (\n    A,  # versatileimagefield\n)"
    ),
    "from \\\n    versatileimagefield.fields import A": (
        "from \\\n    renditions.compat.fields import A"
    ),
    "def f():\n    import versatileimagefield.fields": (
        "def f():\n    import renditions.compat.fields"
    ),
    "import os, versatileimagefield.utils as u": "import os, renditions.compat.utils as u",
    "import versatileimagefield as v": "import renditions.compat as v",
    "import versatileimagefield\nversatileimagefield.x": (
        "import renditions.compat\nrenditions.compat.x"
    ),
    "import versatileimagefield.fields\nx = versatileimagefield.fields.A(versatileimagefield.y)": (
        "import renditions.compat.fields\nx = renditions.compat.fields.A(renditions.compat.y)"
    ),
    "import versatileimagefield.utils\nç = 'ü', versatileimagefield.utils, 'ü'": (
        "import renditions.compat.utils\nç = 'ü', renditions.compat.utils, 'ü'"
    ),
    "import versatileimagefield.utils\nx = f'{y}'": "import renditions.compat.utils\nx = f'{y}'",
    "import versatileimagefield.utils\nx = f'ü {versatileimagefield.utils.y!r:>{z}} {a}'": (
        "import renditions.compat.utils\nx = f'ü {renditions.compat.utils.y!r:>{z}} {a}'"
    ),
    "import versatileimagefield.utils; import renditions.fields": (
        "import renditions.compat.utils; import renditions.fields"
    ),
    "y = 'versatileimagefield.processors.md5'": "y = 'renditions.compat.processors.md5'",
    '@patch("versatileimagefield.utils.JPEG_QUAL", 5)\ndef f(): ...': (
        '@patch("renditions.compat.utils.JPEG_QUAL", 5)\ndef f(): ...'
    ),
    "f(r'versatileimagefield.utils', '''versatileimagefield.fields.A''')": (
        "f(r'renditions.compat.utils', '''renditions.compat.fields.A''')"
    ),
    "import_module('versatileimagefield')": "import_module('renditions.compat')",
    "pytest.importorskip('versatileimagefield')": "pytest.importorskip('renditions.compat')",
    "INSTALLED_APPS = ['a', \"versatileimagefield\"]": "INSTALLED_APPS = ['a', \"renditions\"]",
    "THIRD_PARTY_APPS: list = ('versatileimagefield',)": (
        "THIRD_PARTY_APPS: list = ('renditions',)"
    ),
    "INSTALLED_APPS += ['versatileimagefield']": "INSTALLED_APPS += ['renditions']",
    "INSTALLED_APPS.append('versatileimagefield')": "INSTALLED_APPS.append('renditions')",
    "configure(INSTALLED_APPS=['versatileimagefield'])": "configure(INSTALLED_APPS=['renditions'])",
    "s = {'INSTALLED_APPS': ['versatileimagefield']}": "s = {'INSTALLED_APPS': ['renditions']}",
    "INSTALLED_APPS = ['versatileimagefield.apps.VersatileImageFieldConfig']": (
        "INSTALLED_APPS = ['renditions.compat.apps.VersatileImageFieldConfig']"
    ),
    "apps.is_installed('versatileimagefield')": "apps.is_installed('renditions')",
    "\tx = 1\n".lstrip() + "from versatileimagefield.fields import A\r\ny = 1\r\n": (
        "x = 1\nfrom renditions.compat.fields import A\r\ny = 1\r\n"
    ),
}
UNCHANGED = [
    "from people import versatileimagefield\nversatileimagefield.register()",
    "from . import versatileimagefield",
    "from .versatileimagefield import Square",
    "from people.versatileimagefield import Square",
    "from people.versatileimagefield.fields import Square",
    "import people.versatileimagefield\npeople.versatileimagefield.fields()",
    "import versatileimagefields",
    "from versatileimagefields.fields import A",
    "import versatileimagefield_extra.fields",
    "from versatileimagefield.of_another import A",
    "patch('people.versatileimagefield.fields')",
    "x = 'versatileimagefields.fields'",
    "versatileimagefield = 1",
    "# import versatileimagefield.fields",
    '"""About versatileimagefield.fields."""',
    "from renditions.compat.fields import A",
    "import renditions.compat.alias",
]


@pytest.mark.parametrize("source", CHANGED)
def test_what_means_the_package_is_renamed(source):
    assert rename(source).text == CHANGED[source]


@pytest.mark.parametrize("source", CHANGED)
def test_there_is_a_way_back(source):
    assert rename(CHANGED[source], BACK).text == source


@pytest.mark.parametrize("source", [*CHANGED.values(), *UNCHANGED])
def test_everything_else_stays(source):
    """The new name is renamed no further."""
    assert rename(source).text == source


def test_what_only_the_new_package_has_stays_on_the_way_back():
    source = dedent("""\
        import renditions.compat.alias
        from renditions.fields import VersatileImageField
        from renditions.compat.adapters import LegacySizer
        x = "renditions.compat.alias", "renditions.fields"
        """)

    assert rename(source, BACK).text == source


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import versatileimagefield.utils\nfrom people import versatileimagefield", "else"),
        ("import versatileimagefield.utils\ndef f(versatileimagefield): ...", "else"),
        ("import versatileimagefield.utils\nrenditions = []", "'renditions' means something else"),
        ("x = f'versatileimagefield.fields.{name}'", "put together"),
        ("x = 'versatileimagefield.' 'fields'", "put together"),
        ("x = 'versatileimagefield\\x2efields'", "put together"),
        ("LOGGERS = {'versatileimagefield': {}}", "'versatileimagefield' may mean"),
        ("x = 'versatileimagefield/forms/widgets/versatile_image.html'", "may mean"),
        ("x = 'versatileimagefield.of_another.A'", "may mean"),
    ],
)
def test_what_needs_a_humans_eye_is_told_and_stays(source, said):
    result = rename(source)

    assert result.text == source
    assert said in " ".join(note.text for note in result.notes)


def test_uses_are_renamed_only_where_the_import_is():
    """With `as`, the name in the file stays."""
    source = "import versatileimagefield as versatileimagefield\nversatileimagefield.x"

    assert rename(source).text == "import renditions.compat as versatileimagefield\n" + (
        "versatileimagefield.x"
    )


def test_the_list_of_modules_is_complete():
    folder = Path(command.__file__).parent
    ours = {path.stem for path in folder.iterdir() if not path.name.startswith("_")}

    assert ours >= MODULES
    assert ours - MODULES == {
        "adapters",
        "alias",
        "checks",
        "functions",
        "live",
        "rename",
        "stand_ins",
    }


@pytest.fixture
def project(tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/models.py").write_bytes(
        "# coding: latin-1\nx = 'ü'\r\nfrom versatileimagefield.fields import A\r\n".encode(
            "latin-1"
        )
    )
    (tmp_path / "shop/other.py").write_text("import os\n")
    (tmp_path / "shop/notes.txt").write_text("from versatileimagefield.fields import A\n")
    for skipped in (".tox", "env", "node_modules"):
        (tmp_path / skipped).mkdir()
        (tmp_path / skipped / "a.py").write_text("import versatileimagefield.utils\n")
    (tmp_path / "env/pyvenv.cfg").touch()
    return tmp_path


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_command_shows_the_differences_and_writes_nothing(project, capsys):
    before = files(project)

    assert main([str(project)]) == 0

    shown = capsys.readouterr()
    assert "-from versatileimagefield.fields import A" in shown.out
    assert "+from renditions.compat.fields import A" in shown.out
    assert shown.err == "1 file would change. Add --write to change them.\n"
    assert files(project) == before


def test_the_command_writes_and_goes_back(project, capsys):
    before = files(project)

    assert main([str(project), "--write"]) == 0
    assert capsys.readouterr() == ("", "1 file changed.\n")
    after = files(project)
    models = project / "shop/models.py"
    assert {path for path in before if before[path] != after[path]} == {models}
    assert after[models].endswith(b"\r\nfrom renditions.compat.fields import A\r\n")
    assert b"\xfc" in after[models]

    assert main([str(project), "--back", "--write"]) == 0
    assert files(project) == before


def test_a_file_that_is_not_python_stops_no_other(project, capsys):
    (project / "shop/broken.py").write_text("import versatileimagefield.utils (\n")

    assert main([str(project), "--write"]) == 1

    said = capsys.readouterr().err
    assert "broken.py: not changed: " in said
    assert "1 file changed." in said


def test_a_folder_that_does_not_exist_is_an_error(tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        main([str(tmp_path / "nope")])

    assert caught.value.code == 2
    assert "does not exist" in capsys.readouterr().err


def test_the_line_of_the_alias_is_told(project, capsys):
    (project / "shop/settings.py").write_text(
        "import renditions.compat.alias  # versatileimagefield\n"
    )

    main([str(project)])

    assert "settings.py:1: look here: It is needed while a cache" in capsys.readouterr().err


def test_it_runs_without_settings(project):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "renditions.compat.rename", str(project / "shop")],
        cwd=ROOT,
        env={"PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )

    assert "+from renditions.compat.fields import A" in done.stdout


def test_directions_are_each_others_opposite():
    assert (FORWARD.before, FORWARD.after) == (BACK.after, BACK.before)
