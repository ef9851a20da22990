"""The test jobs: one small Django project for each neighbour, in a folder of its own."""

from dataclasses import dataclass
from importlib.metadata import version

from tests.service.processes import CHECKOUT


@dataclass(frozen=True, slots=True)
class Job:
    """One run of pytest, in a process of its own."""

    name: str
    packages: tuple[str, ...]  # distributions, which the extra `neighbours` installs
    folder: str = ""  # below this one; by default it is called like the job
    settings: str = "settings"  # module in the folder
    in_suite: str = ""  # a file of tests that needs no project of its own: there is no folder

    @property
    def path(self) -> str:
        return self.in_suite or f"tests/neighbours/{self.folder or self.name}"

    @property
    def command(self) -> tuple[str, ...]:
        """The arguments of pytest."""
        module = f"{self.path.replace('/', '.')}.{self.settings}"
        if self.in_suite:
            module = "tests.settings"
        # Warnings of a neighbour are no failures of ours.
        return (self.path, f"--ds={module}", "-q", "-p", "no:cacheprovider", "-W", "default")

    def versions(self) -> str:
        """Return the name and the version of each package.

        Raises:
            PackageNotFoundError: one of them is not installed.
        """
        return ", ".join(f"{package} {version(package)}" for package in self.packages)


JOBS = (
    Job("celery", ("celery",), in_suite="tests/workers/test_celery_neighbours.py"),
    Job("celery_beat", ("django-celery-beat",)),
    Job("cleanup", ("django-cleanup",)),
    Job("dirtyfields", ("django-dirtyfields",)),
    Job("import_export", ("django-import-export",)),
    Job("jazzmin", ("django-jazzmin",)),
    Job("lifecycle", ("django-lifecycle",)),
    Job("model_utils", ("django-model-utils",)),
    Job(
        "modeltranslation_first",
        ("django-modeltranslation",),
        folder="modeltranslation",
        settings="settings_first",
    ),
    Job(
        "modeltranslation_last",
        ("django-modeltranslation",),
        folder="modeltranslation",
        settings="settings_last",
    ),
    Job("ninja", ("django-ninja",)),
    Job("polymorphic", ("django-polymorphic",)),
    Job("reversion", ("django-reversion",)),
    Job("sentry", ("sentry-sdk",)),
    Job("simple_history", ("django-simple-history",)),
    Job("strawberry", ("strawberry-graphql-django",)),
    Job(
        "together",
        (
            "django-model-utils",
            "django-dirtyfields",
            "django-lifecycle",
            "django-polymorphic",
            "django-simple-history",
            "django-reversion",
        ),
    ),
    Job(
        "storages_gcs",
        ("django-storages",),
        folder="storages",
        settings="settings_gcs",
    ),
    Job(
        "storages_s3",
        ("django-storages",),
        folder="storages",
        settings="settings_s3",
    ),
    Job("unfold", ("django-unfold",)),
    Job("wagtail", ("wagtail",)),
)


def folders() -> set[str]:
    """Return the folders that hold a project."""
    here = CHECKOUT / "tests/neighbours"
    return {path.parent.name for path in here.glob("*/settings*.py")}
