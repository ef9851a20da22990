"""`make neighbours` leaves nothing out."""

import tomllib

from tests.service.processes import CHECKOUT

from .jobs import JOBS, folders

WORKS_WITH = (CHECKOUT / "docs/works-with.md").read_text()


def test_each_project_is_a_job():
    """A folder with settings that no job names would never run."""
    assert folders() == {job.folder or job.name for job in JOBS if not job.in_suite}
    assert all((CHECKOUT / job.path).exists() for job in JOBS)


def test_each_package_is_installed_by_the_extra():
    """With a lower bound: the version that was tried is named in the docs."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    installed = [*project["dependencies"], *project["optional-dependencies"]["neighbours"]]
    bounded = {each.partition(">=")[0].partition("[")[0] for each in installed if ">=" in each}

    assert {package for job in JOBS for package in job.packages} <= bounded


def test_each_package_is_in_the_docs():
    for package in {package for job in JOBS for package in job.packages}:
        assert f"| [{package}](" in WORKS_WITH
