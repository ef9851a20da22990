"""The docs are complete, and their examples run."""

import ast
import functools
import hashlib
import hmac
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from datetime import timedelta
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from pkgutil import iter_modules
from threading import Thread
from types import ModuleType

import pytest
from celery import current_app
from django.contrib import admin
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command, load_command_class
from django.db import DatabaseError
from django.db.models.functions import Now
from django.template import engines
from django.test import RequestFactory

from renditions.conf import key_set
from renditions.engine.warming import StageSeconds
from renditions.errors import RenditionError
from renditions.imaging.geometry import FocalPoint, Size
from renditions.registry import versatileimagefield_registry
from renditions.settings_table import SETTINGS as RENDITION_SETTINGS
from tests.app.models import Person
from tests.conftest import four_corners
from tests.service.processes import CHECKOUT as ROOT
from tests.service.processes import PYTHON, Process
from tests.service.servers import Valkey
from tests.service.waiting import wait_for
from workers import events, health, metrics, scrape
from workers.alarms import AlarmId
from workers.conf import WORKER_SETTINGS
from workers.management.actions import status
from workers.models import Event, JobState, WarmJob
from workers.snapshot import Snapshot
from workers.targets import ledger_trouble
from workers.testing import work_owed

REFERENCE = (ROOT / "docs/reference.md").read_text()
MONITORING = (ROOT / "docs/monitoring.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SETTINGS = {**RENDITION_SETTINGS, **WORKER_SETTINGS}


def source(*packages: str) -> str:
    """Return the source code of `packages`."""
    return "\n".join(
        path.read_text() for package in packages for path in (ROOT / package).rglob("*.py")
    )


def check_ids() -> set[str]:
    """Return the id of every system check, including those that the code builds from a prefix."""
    text = source("renditions", "workers")
    ids = set(re.findall(r'"(rendition\w*\.[EW]\d{3})"', text))
    prefixes = re.findall(r'"(rendition\w*\.E\d\d)"', text)
    return ids | {f"{prefix}{digit}" for prefix in prefixes for digit in "123"}


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_in_the_reference_with_its_default(name):
    """The reference has each setting and its default."""
    assert f"| `{name}` | `{SETTINGS[name].default!r}` |" in REFERENCE


@pytest.mark.parametrize("name", RENDITION_SETTINGS)
def test_every_old_name_of_a_setting_is_in_the_guide(name):
    """A project that moves here finds the native name of each of its settings."""
    old = RENDITION_SETTINGS[name].old_place
    guide = (ROOT / "docs/migrating.md").read_text()

    assert old is None or f"| `{old}` | `{name}` |".replace("'", '"') in guide


@pytest.mark.parametrize("check_id", sorted(check_ids()))
def test_every_check_is_in_the_reference(check_id):
    """The reference has the id of every system check."""
    assert f"| `{check_id}` |" in REFERENCE


def test_every_check_of_the_reference_exists():
    """Each id in the reference is that of a system check."""
    assert set(re.findall(r"\| `(rendition\w*\.[EW]\d+)` \|", REFERENCE)) == check_ids()


def test_every_task_is_in_the_reference():
    """The reference has each task, and no other."""
    current_app.loader.import_module("workers.tasks")
    tasks = {name for name in current_app.tasks if name.startswith("renditions.")}

    table = REFERENCE.partition("\n## Tasks")[2].partition("\n## ")[0]
    assert tasks == set(re.findall(r"^\| `(renditions\.\w+)` \|", table, re.MULTILINE))


@pytest.mark.parametrize("package", ["renditions", "workers"])
def test_every_module_is_on_the_map(package):
    """The architecture page says of each module which question it answers, and of no other."""
    page = (ROOT / "docs/architecture.md").read_text()
    rooms = page.partition(f"\n## The rooms of `{package}`")[2].partition("\n## ")[0]
    cells = " ".join(re.findall(r"^\| (`[^|]+`) \|", rooms, re.MULTILINE))

    modules = {module.name for module in iter_modules([str(ROOT / package)])}
    assert set(re.findall(r"`(\w+)`", cells)) == modules


def kinds() -> set[str]:
    """Return the kind of every failure."""

    def below(error: type[RenditionError]) -> set[type[RenditionError]]:
        return {error}.union(*(below(each) for each in error.__subclasses__()))

    return {error.kind for error in below(RenditionError)}


def test_every_kind_of_failure_is_in_the_reference():
    """The reference has each kind of failure, and no other."""
    table = REFERENCE.partition("## Kinds of failure")[2]

    # "error" is the kind of the base classes, which are never raised.
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == kinds() - {"error"}


def test_every_subcommand_is_in_the_reference():
    """The reference has each subcommand of `manage.py renditions`."""
    modules = [
        path
        for package in ("renditions", "workers")
        for path in (ROOT / package / "management/actions").glob("[a-z]*.py")
    ]
    assert len(modules) >= 8
    for path in modules:
        assert f"`manage.py renditions {path.stem}" in REFERENCE


def test_every_alarm_is_on_the_operations_page():
    table = (ROOT / "docs/operations.md").read_text().partition("### Alarms")[2]

    assert set(re.findall(r"^\| `(\w+)` \|", table.partition("###")[0], re.MULTILINE)) == set(
        AlarmId
    )


# What `renditions.outages` logs: the first failure, and its end.
OUTAGE_LEVELS = {"began": "WARNING", "ended": "INFO"}


@functools.cache
def logged() -> dict[str, list[tuple[str, str]]]:
    """Return the level and the text of each message that the code logs, by logger."""
    found: dict[str, list[tuple[str, str]]] = {}
    for package in ("renditions", "workers"):
        for path in (ROOT / package).rglob("*.py"):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            for call in ast.walk(ast.parse(path.read_text())):
                if not isinstance(call, ast.Call):
                    continue
                owner, _, method = ast.unparse(call.func).rpartition(".")
                level = method.upper() if owner == "logger" else OUTAGE_LEVELS.get(method)
                if level:
                    texts = [
                        each.value for each in ast.walk(call) if isinstance(each, ast.Constant)
                    ]
                    found.setdefault(name, []).append((level, " ".join(map(str, texts))))
    # The text of this one is made by a function.
    found["workers.targets"].append(("WARNING", ledger_trouble("default", DatabaseError())))
    return found


def messages_of_the_operations_page() -> list[tuple[str, str, str]]:
    """Return the text, the logger and the level of each message that needs a person."""
    page = (ROOT / "docs/operations.md").read_text()
    return re.findall(r"^\| `(.+?)` \| `(\w+\.[\w.]+)` \| ([A-Z]+) \|", page, re.MULTILINE)


def test_every_metric_is_on_the_page_of_monitoring(db):
    """Also its type and its labels."""
    metrics.note_sweep()
    request = RequestFactory().get("/metrics", REMOTE_ADDR="127.0.0.1")
    served = re.findall(
        r"^# TYPE (renditions_\w+) ", scrape.view(request).content.decode(), re.MULTILINE
    )
    on_page = re.findall(r"^\| `(renditions_\w+)` \|", MONITORING, re.MULTILINE)

    assert {name for name in served if not name.endswith("_created")} == set(on_page)


@pytest.mark.parametrize(
    ("head", "values"),
    [("| `result` of a job |", metrics.JobResult), ("| alarm |", AlarmId)],
    ids=["results", "alarms"],
)
def test_every_value_of_a_label_is_on_the_page_of_monitoring(head, values):
    table = MONITORING.partition(head)[2].partition("\n\n")[0]

    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(values)


def test_every_message_for_an_operator_is_logged():
    """The log has each message of the operations page, from that logger, at that level."""
    rows = messages_of_the_operations_page()

    assert len(rows) >= 10
    for text, logger, level in rows:
        assert any(level == at and text in said for at, said in logged()[logger]), text


def test_every_error_of_the_log_is_on_the_operations_page():
    """The page says of each ERROR what to do, because each one needs a person."""
    rows = messages_of_the_operations_page()

    for name, messages in logged().items():
        for level, said in messages:
            known = any(name == logger and text in said for text, logger, _ in rows)
            assert known or level not in ("ERROR", "EXCEPTION", "CRITICAL"), (name, said)


def test_the_end_of_each_outage_is_on_the_operations_page():
    """A monitor that reads the log can see that an outage of the page is over."""
    page = (ROOT / "docs/operations.md").read_text()
    (told,) = re.findall(r"^The end of an outage is an INFO .*$", page, re.MULTILINE)
    ends = re.findall(r"`([^`]+)`", told)

    loggers = {logger for text, logger, _ in messages_of_the_operations_page()}
    for logger in ("workers.dispatch", "renditions.records", "workers.targets"):
        assert logger in loggers
        for level, said in logged()[logger]:
            assert level != "INFO" or any(end in said for end in ends), said


def test_every_logger_is_in_the_reference():
    """The reference has each logger that says something, and no other."""
    table = REFERENCE.partition("### Loggers")[2].partition("###")[0]

    assert set(re.findall(r"^\| `([\w.]+)` \|", table, re.MULTILINE)) == set(logged())


def test_every_field_of_the_log_is_in_the_reference():
    """The reference has each field that our lines add for a formatter, and no other."""
    files = [
        path for package in ("renditions", "workers") for path in (ROOT / package).rglob("*.py")
    ]
    code = "\n".join(text for path in files if "extra=" in (text := path.read_text()))
    stages = {f"rendition_{stage.name}_seconds" for stage in fields(StageSeconds)}
    added = set(re.findall(r"\b(rendition_\w+)(?==|\": )", code)) | stages

    table = REFERENCE.partition("### Fields of a line")[2].partition("\n## ")[0]
    assert set(re.findall(r"`(rendition_\w+)`", table)) == added


@pytest.mark.django_db
def test_every_part_of_the_health_is_in_the_reference():
    """The reference has each part of `/health/ready/`, and no other."""
    table = REFERENCE.partition("\n## Health")[2].partition("\n## ")[0]

    parts = re.findall(r"^\| `([\w:.]+)` \|", table, re.MULTILINE)
    assert parts == [part.name for part in health.parts()]


@pytest.mark.django_db
def test_every_key_of_the_status_is_in_the_reference():
    """The reference has each key of `renditions status --json`, and no other."""
    table = REFERENCE.partition("### The document of `status --json`")[2].partition("\n## ")[0]

    document = status.as_json(Snapshot(), [], [])
    cells = " ".join(re.findall(r"^\| (`[^|]+`) \|", table, re.MULTILINE))
    assert set(re.findall(r"`(\w+)`", cells)) == set(document)


def shown(action: str) -> list[str]:
    """Return the arguments of each `manage.py renditions ACTION ...` that a page shows."""
    text = "\n".join(page.read_text() for page in PAGES)
    found = re.findall(rf"manage\.py renditions ({action}(?: [^\n`\[]+)?)(?:\n|`)", text)
    # A page may name a command without the arguments that it needs.
    names = {"retry", "explain"}
    return sorted({each.strip() for each in found} - names)


def kind_in(arguments: str) -> str:
    """Return the kind of failure that a command of the docs names, or some other one."""
    named = re.search(r"--kind (\w+)", arguments)
    return named[1] if named else "storage"


def told(arguments: str, capsys) -> str:
    """Run `manage.py renditions`, for the person of the tests, and return what it prints."""
    for ours in ("people.Person", "shop.Product"):
        arguments = arguments.replace(ours, Person._meta.label)
    call_command("renditions", *arguments.split())
    return capsys.readouterr().out


def fail(pk: int, kind: str) -> None:
    """Let the job of a person have failed long ago."""
    WarmJob.objects.filter(object_pk=str(pk)).update(
        state=JobState.FAILED, kind=kind, due_at=None, changed_at=Now() - timedelta(days=1)
    )


@pytest.fixture
def two_failed(db, picture) -> None:
    """Let one job have failed because of the storage, and one because of its picture."""
    for pk, kind in ((7, "storage"), (8, "unreadable")):
        Person.objects.create(pk=pk, headshot=picture())
        fail(pk, kind)


def test_each_retry_of_the_docs_queues_the_failed_jobs_that_it_names(two_failed, capsys):
    assert len(shown("retry")) >= 1
    for arguments in shown("retry"):
        kind = kind_in(arguments)
        fail(7, kind)
        fail(8, "storage" if kind == "unreadable" else "unreadable")

        output = told(arguments, capsys)

        queued = set(WarmJob.objects.filter(state="queued").values_list("object_pk", flat=True))
        assert queued == ({"7", "8"} if "--all" in arguments else {"7"}), arguments
        assert output.startswith(f"{len(queued)} failed job")


def test_each_failed_of_the_docs_shows_the_reasons(two_failed, capsys):
    assert len(shown("failed")) >= 1
    for arguments in shown("failed"):
        fail(7, kind_in(arguments))
        WarmJob.objects.filter(object_pk="7").update(headline="This one failed.")

        assert "This one failed." in told(arguments, capsys), arguments


def test_each_explain_of_the_docs_says_why(two_failed, capsys):
    assert len(shown("explain")) >= 1
    for arguments in shown("explain"):
        assert "failed" in told(arguments, capsys), arguments


def test_each_status_of_the_docs_is_a_valid_command(two_failed, capsys):
    """Here no worker runs, and the command says so; a health check asks for its own worker."""
    assert len(shown("status")) >= 2
    for arguments in shown("status"):
        with pytest.raises(CommandError, match=r"No worker runs|does not run"):
            told(arguments, capsys)
        assert "No worker runs" in capsys.readouterr().out, arguments


def typed() -> list[str]:
    """Return what the pages let a person type after `manage.py`, for our two commands."""
    text = "\n".join(page.read_text() for page in PAGES)
    blocks = "\n".join(re.findall(r"```console\n(.*?)```", text, re.DOTALL))
    inline = "\n".join(re.findall(r"`([^`\n]+)`", text))
    found = re.findall(r"python manage\.py ((?:renditions|rewarm) [^\n#]+)", f"{blocks}\n{inline}")
    return sorted({each.strip() for each in found})


def test_every_command_of_the_docs_has_options_that_exist():
    """Each command that a person may copy is one that its parser accepts."""
    assert len(typed()) >= 20
    for line in typed():
        name, *arguments = line.split()
        app = {"renditions": "renditions", "rewarm": "workers"}[name]
        parser = load_command_class(app, name).create_parser("manage.py", name)

        assert parser.parse_args(arguments), line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_python_example_compiles(page):
    """Each Python example is valid Python."""
    for number, code in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)):
        compile(code, f"{page.name}#{number}", "exec")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_works(page):
    """Each page, picture and heading that a page links to exists."""
    for target, anchor in re.findall(r"\]\(([^)#:]+)(?:#([^)]*))?\)", page.read_text()):
        assert (page.parent / target).exists(), target
        assert not anchor or anchor in anchors(page.parent / target), anchor


def anchors(page: Path) -> set[str]:
    """Return the anchor of each heading, as GitHub makes it."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_test_that_a_page_names_exists(page):
    """A reader can look up each test that proves a promise."""
    for path in re.findall(r"\btests/[\w/]+\.py", page.read_text()):
        assert (ROOT / path).exists(), path


def test_the_sizer_of_the_how_to_works():
    """The sizer of the how-to crops as its text says."""
    text = (ROOT / "docs/howto.md").read_text()
    code = re.search(r"```python\n(# people/renditions.py.*?)```", text, re.DOTALL)
    assert code
    try:
        exec(code[1], {})
        sizer = versatileimagefield_registry.sizer("top_left")
        cut = sizer.cut(Size(400, 50), Size(100, 100), FocalPoint(0.5, 0.5))
    finally:
        versatileimagefield_registry.unregister_sizer("top_left")

    assert cut.size == Size(100, 50)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Project":
    """A new Django project with one app."""
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    project = Project(tmp_path)
    project.run("django", "startproject", "myproject", ".")
    project.run("manage", "startapp", "people")
    return project


@pytest.mark.smoke
def test_the_tutorial_works(project: "Project", valkey: Valkey):
    """A new project that follows the tutorial ends with a page that shows every rendition."""
    project.write("tutorial", "2. Settings", "3. A model")
    warned = project.run("manage", "makemigrations", "people")
    project.run("manage", "migrate", "--verbosity", "0")
    assert set(re.findall(r"W\d{3}", warned)) == {"W033", "W034", "W035"}

    project.write("tutorial", "4. Celery", "5. A page")
    assert "no issues" in project.run("manage", "check")
    project.use(valkey)
    (project.folder / "a.jpg").write_bytes(four_corners(1500, 1000))
    with Process(project.worker(), project.folder / "worker.log", folder=project.folder):
        project.run("manage", "shell", "-v0", "-c", SAVE)
        wait_for(lambda: len(project.sized_files()) == 3, 30, "the renditions are made")
    assert project.run("manage", "shell", "-v0", "-c", LOOK).split() == ["200"] * 4


@pytest.mark.smoke
def test_the_commands_of_the_docs_answer_in_a_real_project(project: "Project", valkey: Valkey):
    """An operator types what the pages show: without workers, with one, and after a failure."""
    project.write("tutorial", "2. Settings", "3. A model", "4. Celery")
    project.run("manage", "makemigrations", "people")
    project.run("manage", "migrate", "--verbosity", "0")
    project.use(valkey)
    (project.folder / "a.jpg").write_bytes(b"not a picture")
    project.run("manage", "shell", "-v0", "-c", SAVE)
    explain = "renditions explain people.Person 1"

    status = project.ask("renditions status")
    assert (status.returncode, "No worker runs." in status.stderr) == (1, True)
    assert "1 queued" in status.stdout
    assert "No worker runs." in project.ask(explain).stdout
    assert "No job has failed." in project.ask("renditions failed").stdout

    with Process(project.worker(), project.folder / "worker.log", folder=project.folder):
        wait_for(lambda: "format" in project.ask("renditions failed").stdout, 60, "the job failed")
        # Failed jobs stop no work, so only a probe with a limit minds.
        assert project.ask("renditions status").returncode == 0
        limited = project.ask("renditions status --max-age 900 --max-failed 0")
        assert (limited.returncode, "the limit is 0" in limited.stderr) == (1, True)
        assert project.ask("renditions status --nothing").returncode == 2
        assert "Nothing happens until a retry" in project.ask(explain).stdout

        [original] = project.folder.glob("media/people/a*.jpg")
        original.write_bytes(four_corners(1500, 1000))
        retried = project.ask("renditions retry --model people.Person --pk 1")
        assert retried.stdout == "1 failed job was queued again.\n"
        wait_for(lambda: len(project.sized_files()) == 3, 60, "the renditions are made")
        wait_for(lambda: "Nothing is outstanding" in project.ask(explain).stdout, 60, "it says so")


@pytest.mark.smoke
def test_the_how_to_fits_a_project_that_has_celery(project: "Project", valkey: Valkey):
    """A project that adds our Celery settings keeps its own tasks; its example test passes."""
    project.write("tutorial", "2. Settings", "3. A model", "4. Celery")
    project.write("howto", "In a project that has Celery already", "Test a project")
    project.use(valkey)

    assert "no issues" in project.run("manage", "check")
    assert project.run("manage", "shell", "-v0", "-c", ROUTES).split() == [
        *("people", "renditions", "renditions.bulk"),
        *("people.greet", "renditions.rewarm_all", "renditions.sweep"),
    ]
    project.run("manage", "makemigrations", "people")
    assert "Ran 1 test" in project.run("manage", "test", "people")


ROUTES = """
from celery import current_app as app
for task in ("people.tasks.greet", "renditions.sweep", "renditions.advance_run"):
    print(app.amqp.router.route({}, task)["queue"].name)
print(*sorted(app.conf.beat_schedule))
"""

# What the admin and a browser do in the tutorial.
SAVE = """
from django.core.files import File
from people.models import Person
with open("a.jpg", "rb") as file:
    Person.objects.create(name="Ada", headshot=File(file))
"""
LOOK = """
import re
from django.test import Client
client = Client(SERVER_NAME="127.0.0.1")
page = client.get("/")
print(page.status_code)
for address in re.findall('src="(.+?)"', page.content.decode()):
    print(client.get(address).status_code)
"""


class Project:
    """The project of a reader of the docs."""

    def __init__(self, folder: Path):
        self.folder = folder

    def write(self, page: str, *titles: str) -> None:
        """Write the files of these sections. Settings are added to the existing ones."""
        sections = (ROOT / f"docs/{page}.md").read_text().split("\n## ")
        for title in titles:
            (section,) = (each for each in sections if each.startswith(title))
            for code in re.findall(r"```(?:python|html)\n(.*?)```", section, re.DOTALL):
                path = self.folder / code.split()[1]
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("a" if path.name == "settings.py" else "w") as file:
                    file.write(code)

    def sized_files(self) -> list[Path]:
        """Return the files of all renditions that have a sizer."""
        return list(self.folder.glob("media/__sized__/**/*.jpg"))

    def use(self, server: Valkey) -> None:
        """Replace the addresses of the docs with those of a server of the tests."""
        for path in self.folder.glob("myproject/*.py"):
            code = path.read_text()
            for address, other in {
                "redis://127.0.0.1:6379/0": server.broker_url(10),
                "redis://127.0.0.1:6379/1": server.cache_url(11),
            }.items():
                code = code.replace(address, other)
            path.write_text(code)

    def worker(self) -> list[str]:
        """Return the command of the tutorial that starts a worker."""
        page = (ROOT / "docs/tutorial.md").read_text()
        (arguments,) = re.findall(r"^celery (.* worker .*)$", page, re.MULTILINE)
        return [PYTHON, "-m", "celery", *arguments.split()]

    def ask(self, line: str) -> "subprocess.CompletedProcess[str]":
        """Return what `manage.py` and the words of `line` print, and the exit code."""
        return subprocess.run(
            [PYTHON, "manage.py", *line.split()],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )

    def run(self, program: str, *arguments: str) -> str:
        """Return the output of a command, which must succeed."""
        begin = ["manage.py"] if program == "manage" else ["-m", program]
        done = subprocess.run(
            [PYTHON, *begin, *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr


def test_the_template_of_the_how_to_shows_what_its_key_set_makes(configure):
    """Each address in the template is that of a rendition of the key set."""
    text = (ROOT / "docs/howto.md").read_text().partition("## Serve WebP or AVIF")[2]
    code, template = re.findall(r"```(?:python|html)\n(.*?)```", text, re.DOTALL)[:2]
    exec(code, made := {})
    configure(**made["RENDITIONS"])
    person = Person(headshot="people/a.jpg")

    page = engines["django"].from_string(template).render({"person": person})

    shown = re.findall(r'src(?:set)?="(.+?)"', page)
    plans = person.headshot.plans(key_set("headshot"))
    assert shown == [person.headshot.storage.url(plan.path) for plan in reversed(plans)]


@pytest.mark.django_db
def test_the_page_of_the_how_to_shows_all_pictures(picture, configure, rf, monkeypatch):
    """View and template show the same; the call to the cache is for all pictures."""
    configure(ON_DEMAND=True, KEY_SETS={"headshot": [("square", "crop__400x400")]})
    text = (ROOT / "docs/howto.md").read_text().partition("## Many pictures on a page")[2]
    view, template = re.findall(r"```(?:python|html)\n(.*?)```", text, re.DOTALL)[:2]
    monkeypatch.setitem(sys.modules, "people.models", sys.modules["tests.app.models"])
    exec(view, made := {})
    monkeypatch.setitem(made, "render", lambda request, name, context: context["page"])
    for name in ("a", "b"):
        Person.objects.create(name=name, headshot=picture(f"{name}.jpg"))
    page = made["people"](rf.get("/"))
    shared = [person.headshot.picture.prefetched for person in page]

    shown = re.findall(
        'src="(.+?)"', engines["django"].from_string(template).render({"page": page})
    )

    assert shown == [str(person.headshot.crop["400x400"]) for person in page]
    assert all(person.headshot.picture.prefetched not in (None, *shared) for person in page)


def test_the_admin_of_the_how_to_has_no_mistake(monkeypatch):
    """Both classes pass the checks of the admin."""
    text = (ROOT / "docs/howto.md").read_text().partition("## Show pictures in your own admin")[2]
    registered, changed = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[:2]
    monkeypatch.setitem(sys.modules, "people.models", sys.modules["tests.app.models"])
    try:
        exec(registered, made := {})
        assert admin.site.get_model_admin(Person).check() == []
    finally:
        admin.site.unregister(Person)
    exec(changed, made)

    assert made["PersonAdmin"](Person, admin.site).check() == []


@pytest.mark.django_db
def test_the_progress_of_the_how_to_says_why(picture, capsys):
    """The examples print a rendition that is made, and why one is not."""
    examples = (ROOT / "docs/howto.md").read_text().partition("## Show how far")[2]
    how_far, why, *_ = re.findall(r"```python\n(.*?)```", examples, re.DOTALL)
    good = Person.objects.create(headshot=picture())
    broken = Person.objects.create(headshot=ContentFile(b"not a picture", "b.jpg"))
    work_owed()

    exec(how_far, {"person": good})
    exec(why, {"person": broken})

    shown = capsys.readouterr().out
    assert shown.startswith("done\n")
    assert "not a picture in an accepted format" in shown


@pytest.fixture
def webhook() -> Iterator[tuple[str, list[tuple[Message, bytes]]]]:
    """The address of a web server, and the requests that it got; the first one is refused."""
    requests: list[tuple[Message, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            requests.append((self.headers, body))
            self.send_response(503 if len(requests) == 1 else 204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Write nothing to the console."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", requests
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.django_db
def test_the_webhook_of_the_docs_is_signed_and_repeated(settings, monkeypatch, webhook):
    """The other side can tell that the message is genuine; one that it refuses comes again."""
    settings.WEBHOOK_URL, received = webhook
    settings.WEBHOOK_SECRET = "a secret"
    people = ModuleType("people.models")
    people.Person = Person  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "people.models", people)
    text = (ROOT / "docs/events.md").read_text()
    code = re.search(r"```python\n(# people/webhook.py.*?)```", text, re.DOTALL)
    assert code
    try:
        exec(code[1], kept := {})
        person = Person.objects.create(headshot=ContentFile(four_corners(320, 200), name="a.jpg"))
        work_owed()
        Event.objects.update(due_at=Now() - timedelta(seconds=1))
        events.tell_due("default")
    finally:
        events.renditions_ready.disconnect(sender=Person, dispatch_uid="webhook")

    (_, refused), (headers, body) = received
    assert refused == body
    assert json.loads(body)["id"] == person.pk
    assert len(json.loads(body)["renditions"]) == len(person.headshot.plans())
    sent_at, signature = re.fullmatch(r"t=(\d+),v1=(\w+)", headers["X-Signature"]).groups()
    genuine = hmac.new(b"a secret", f"{sent_at}.".encode() + body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(signature, genuine)
    assert kept
