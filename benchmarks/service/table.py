"""The rows of the table: what is measured, its goal, and how it was before the work on it."""

from dataclasses import dataclass
from enum import Enum

SQLITE, POSTGRES = "sqlite", "postgres"
DATABASES = {SQLITE: "SQLite", POSTGRES: "PostgreSQL"}


class Bound(Enum):
    """On which side of the goal a value has to be."""

    MOST = "<="
    LEAST = ">="

    def is_met(self, value: float, goal: float) -> bool:
        return value <= goal if self is Bound.MOST else value >= goal

    def factor(self, value: float, goal: float) -> float:
        """Return how many times as far as the goal `value` is; 1 or less: it is met."""
        return value / goal if self is Bound.MOST else goal / value


@dataclass(frozen=True, slots=True)
class Row:
    """One measure with its goal on each database."""

    group: str
    value: str  # its name in what the group returns
    text: str
    bound: Bound
    goals: tuple[float, float]  # SQLite, PostgreSQL
    before: tuple[float, float]  # when the goals were set
    digits: int = 0

    def goal(self, database: str) -> float:
        return self.goals[list(DATABASES).index(database)]

    def was(self, database: str) -> float:
        return self.before[list(DATABASES).index(database)]


def _row(
    group: str,
    value: str,
    text: str,
    bound: Bound,
    goal: float | tuple[float, float],
    before: float | tuple[float, float],
    digits: int = 0,
) -> Row:
    goals = goal if isinstance(goal, tuple) else (goal, goal)
    was = before if isinstance(before, tuple) else (before, before)
    return Row(group, value, text, bound, goals, was, digits)


MOST, LEAST = Bound.MOST, Bound.LEAST
ROWS = (
    _row("objects", "job_requests", "S3: requests of a job of 8 renditions", MOST, 11, 29),
    _row(
        "objects", "overwriting_job_requests", "S3: the same with file_overwrite=True",
        MOST, 11, 21,
    ),
    _row("objects", "job_beyond_ms", "S3: wall ms of the job beyond rendering", MOST, 200, 1065),
    _row("objects", "save_requests", "S3: requests of a save beyond ImageField", MOST, 0, 0),
    _row(
        "current_objects", "per_s", "S3: bulk run over what is current, renditions/s",
        LEAST, 1500, 23,
    ),
    _row(
        "current_objects", "requests", "S3: the same, requests for each rendition",
        MOST, 1.2, 1.25, 2,
    ),
    _row(
        "current_disk", "per_cpu_s", "disk: the same, renditions per CPU second",
        LEAST, 30_000, 15_000,
    ),
    _row("planning", "per_s", "planning what is owed, instances/s", LEAST, 5000, (890, 490)),
    _row("jobs", "cpu_ms", "job of 8 renditions beyond `warm()`, CPU ms", MOST, 3, 9, 1),
    _row("jobs", "queries", "job: queries, BEGIN and COMMIT included", MOST, 8, 17),
    _row("jobs", "cache_calls", "job: cache calls", MOST, 3, 9),
    _row("saves", "save_ms", "added to a save, CPU ms", MOST, (1.2, 1.5), (2.4, 3.0), 2),
    _row(
        "saves", "resave_ms", "added to a re-save that changes no picture, CPU ms",
        MOST, (0.2, 0.3), (0.7, 0.9), 2,
    ),
    _row("pages", "off_ms", "400 URLs, on-demand off, CPU ms", MOST, 3, 10, 1),
    _row("pages", "on_ms", "400 URLs, on-demand on, all made, CPU ms", MOST, 8, 85, 1),
    _row("pages", "on_cache_calls", "the same, cache calls", MOST, 1, 400),
    _row("pages", "tags_ms", "100 `{% picture %}` of 7 files each, CPU ms", MOST, 30, 30, 1),
    _row("pages", "blurred_tags_ms", "the same with a blur that is new, CPU ms", MOST, 60, 60, 1),
    _row("seat", "overview_ms", "1 M jobs: page of the operator, wall ms", MOST, 300, 300),
    _row("seat", "part_ms", "1 M jobs: what the page asks for each 5 s", MOST, 300, 300),
    _row("seat", "overview_queries", "1 M jobs: queries of the page", MOST, 300, 300),
    _row("seat", "jobs_ms", "1 M jobs: list of jobs", MOST, 300, 300),
    _row("seat", "failed_jobs_ms", "1 M jobs: one kind of one model", MOST, 300, 300),
    _row("seat", "old_jobs_ms", "1 M jobs: jobs older than a day", MOST, 300, 300),
    _row("seat", "failures_ms", "1 M jobs: what failed most", MOST, 300, 300),
    _row("seat", "run_ms", "1 M jobs: page of a bulk run", MOST, 300, 300),
    _row("seat", "status_ms", "1 M jobs: `renditions status`", MOST, 300, 300),
    _row("seat", "metrics_ms", "1 M jobs: a scrape of the metrics", MOST, 300, 300),
    _row("seat", "ready_ms", "1 M jobs: `/health/ready/`", MOST, 300, 300),
)  # fmt: skip
GROUPS = tuple(dict.fromkeys(row.group for row in ROWS))
