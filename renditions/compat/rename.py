"""Change `versatileimagefield` to `renditions.compat` in the Python files of a project.

    python -m renditions.compat.rename DIR            # shows a diff
    python -m renditions.compat.rename DIR --write    # changes the files
    python -m renditions.compat.rename DIR --back     # the other way round

It renames imports and the names that they bind, dotted paths in strings, such as those of settings
and of `patch(...)`, and the entry in `INSTALLED_APPS`. Modules of the project that are called
`versatileimagefield` stay. What needs a human's eye is listed.
"""

import argparse
import ast
import difflib
import io
import os
import re
import sys
import tokenize
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from . import MODULES

OLD = "versatileimagefield"
NEW = "renditions.compat"
# Their names in INSTALLED_APPS.
OLD_APP, NEW_APP = OLD, "renditions"

_TAKES_A_MODULE = {"__import__", "import_module", "importorskip"}
_TAKES_AN_APP = {"get_app_config", "is_installed"}
_SKIPPED_FOLDERS = {"__pycache__", "node_modules", "site-packages"}

Position = tuple[int, int]  # line from 1, column from 0, in characters


@dataclass(frozen=True, slots=True)
class Direction:
    """What is renamed to what."""

    before: str
    after: str
    app_before: str
    app_after: str

    @property
    def parts(self) -> list[str]:
        return self.before.split(".")

    @property
    def root(self) -> str:
        """The name that `import <before>` binds."""
        return self.parts[0]

    def is_module(self, path: str) -> bool:
        """Whether `path` is the package or a module, class or function of it."""
        if path == self.before:
            return True
        head = path.removeprefix(f"{self.before}.")
        return head != path and head.split(".")[0] in MODULES


FORWARD = Direction(OLD, NEW, OLD_APP, NEW_APP)
BACK = Direction(NEW, OLD, NEW_APP, OLD_APP)


@dataclass(frozen=True, slots=True)
class Note:
    """A place that was not changed."""

    line: int
    text: str


@dataclass(slots=True)
class Renamed:
    """The new text of a file, and what to look at."""

    text: str
    notes: list[Note] = field(default_factory=list)


def rename(source: str, direction: Direction = FORWARD) -> Renamed:
    """Return `source` with the package's name changed.

    Raises:
        SyntaxError: `source` is not Python.
    """
    file = _File(source, direction)
    file.visit_imports()
    file.visit_strings()
    result = Renamed(file.edited(), sorted(file.notes, key=lambda note: note.line))
    # What was valid stays valid.
    ast.parse(result.text)
    return result


class _File:
    """One file: its syntax tree says what to rename, and its tokens where."""

    def __init__(self, source: str, direction: Direction) -> None:
        self.source = source
        self.direction = direction
        self.tree = ast.parse(source)
        self.notes: list[Note] = []
        self._lines = [f"{line}\n" for line in source.split("\n")]
        self._tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
        self._token_at = {token.start: index for index, token in enumerate(self._tokens)}
        self._edits: dict[tuple[Position, Position], str] = {}

    def edited(self) -> str:
        text = self.source
        for (start, end), new in sorted(self._edits.items(), reverse=True):
            text = text[: self._offset(start)] + new + text[self._offset(end) :]
        return text

    # --- Imports and the names that they bind ---

    def visit_imports(self) -> None:
        bound = [alias for alias in self._imported() if not alias.asname]
        clash = self._clash() if bound else None
        for alias in self._imported():
            if alias in bound and clash:
                self._note(alias, f"The name {clash!r} means something else in this file, too.")
            else:
                self._rename_at(alias)
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and self._is_from_package(node):
                self._rename_at(node, skip=1)
            is_root = isinstance(node, ast.Name) and node.id == self.direction.root
            if is_root and bound and not clash:
                self._rename_at(cast("ast.Name", node))

    def _imported(self) -> list[ast.alias]:
        """Return the modules of the package in `import a, b as c`."""
        aliases = [
            alias
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Import)
            for alias in node.names
        ]
        for alias in aliases:
            if alias.name == f"{NEW}.alias":
                self._note(alias, "It is needed while a cache has pickles of the old package.")
        return [alias for alias in aliases if self.direction.is_module(alias.name)]

    def _is_from_package(self, node: ast.ImportFrom) -> bool:
        return node.level == 0 and self.direction.is_module(node.module or "")

    def _clash(self) -> str | None:
        """Return a name that both an import of the package and something else binds."""
        names = {self.direction.root, self.direction.after.split(".")[0]}
        for node in ast.walk(self.tree):
            for name in _bound_names(node, self.direction):
                if name in names:
                    return name
        return None

    def _rename_at(self, node: ast.stmt | ast.alias | ast.expr, skip: int = 0) -> None:
        """Rename the dotted name that begins `skip` tokens after the start of `node`."""
        if self._start(node) not in self._token_at:
            self._rename_in_formatted_string(node)
            return
        index = self._token_at[self._start(node)] + skip
        wanted = [part for name in self.direction.parts for part in (name, ".")][:-1]
        found = [token for token in self._tokens[index:] if token.type != tokenize.NL]
        found = found[: len(wanted)]
        if [token.string for token in found] == wanted:
            self._edits[found[0].start, found[-1].end] = self.direction.after

    def _rename_in_formatted_string(self, node: ast.stmt | ast.alias | ast.expr) -> None:
        """Rename the dotted name at `node`: before Python 3.12 the whole string is one token."""
        line, column = self._start(node)
        before = self.direction.before
        # In a string of several lines, the position may be wrong.
        if re.match(rf"{re.escape(before)}(?!\w)", self.source[self._offset((line, column)) :]):
            self._edits[(line, column), (line, column + len(before))] = self.direction.after
        else:
            self._note(node, "The name is in a formatted string.")

    # --- Strings ---

    def visit_strings(self) -> None:
        new_values = self._apps_and_modules()
        ignored = _docstrings_and_parts(self.tree)
        for node in ast.walk(self.tree):
            if isinstance(node, ast.JoinedStr) and self._is_meant(_text_of(node)):
                self._note(node, "The string is put together.")
            if isinstance(node, ast.Constant) and id(node) not in ignored:
                self._visit_constant(node, new_values.get(id(node)))

    def _visit_constant(self, node: ast.Constant, new: str | None) -> None:
        value = node.value
        if not isinstance(value, str):
            return
        new = new or self._new_path(value)
        if new is None:
            if self._is_meant(value):
                self._note(node, f"{value!r} may mean the package.")
        elif not self._replace_string(node, value, new):
            self._note(node, "The string is put together.")

    def _new_path(self, value: str) -> str | None:
        before = self.direction.before
        is_path = value != before and re.fullmatch(r"\w+(\.\w+)+", value)
        if not is_path or not self.direction.is_module(value):
            return None
        return self.direction.after + value.removeprefix(before)

    def _apps_and_modules(self) -> dict[int, str]:
        """Return the new values of strings that are the package alone, by the id of their node."""
        direction, found = self.direction, {}
        for node in ast.walk(self.tree):
            for each in _apps_in(node):
                if each.value == direction.app_before:
                    found[id(each)] = direction.app_after
            for each in _first_argument(node, _TAKES_A_MODULE):
                if each.value == direction.before:
                    found[id(each)] = direction.after
        return found

    def _is_meant(self, text: str) -> bool:
        """Whether `text` has the package's name, and not as a part of another module's."""
        return bool(re.search(rf"(?<![\w.]){re.escape(self.direction.before)}(?!\w)", text))

    def _replace_string(self, node: ast.Constant, value: str, new: str) -> bool:
        """Replace the text between the quotes; False: the string has several parts."""
        index = self._token_at.get(self._start(node), 0)
        token = self._tokens[index]
        if token.type != tokenize.STRING or token.end != self._end(node):
            return False
        written = token.string.replace(value, new, 1)
        if ast.literal_eval(written) != new:
            return False
        self._edits[token.start, token.end] = written
        return True

    # --- Positions ---

    def _start(self, node: ast.stmt | ast.alias | ast.expr) -> Position:
        return self._position(node.lineno, node.col_offset)

    def _end(self, node: ast.expr) -> Position:
        return self._position(node.end_lineno or 0, node.end_col_offset or 0)

    def _position(self, line: int, column: int) -> Position:
        # A syntax tree counts bytes, tokens count characters.
        return line, len(self._lines[line - 1].encode()[:column].decode(errors="ignore"))

    def _offset(self, position: Position) -> int:
        line, column = position
        return sum(map(len, self._lines[: line - 1])) + column

    def _note(self, node: ast.stmt | ast.alias | ast.expr, text: str) -> None:
        self.notes.append(Note(node.lineno, text))


def _bound_names(node: ast.AST, direction: Direction) -> Iterator[str]:
    """Yield the names that `node` binds, unless it imports the package or one beside it."""
    match node:
        case ast.ImportFrom():
            yield from (alias.asname or alias.name for alias in node.names)
        case ast.Import():
            roots = {direction.root, direction.after.split(".")[0]}
            for alias in node.names:
                name = alias.asname or alias.name.split(".")[0]
                if alias.asname or name not in roots:
                    yield name
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
            yield name
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.ExceptHandler():
            yield node.name or ""


def _apps_in(node: ast.AST) -> Iterator[ast.Constant]:
    """Yield the strings in lists of apps, such as INSTALLED_APPS and THIRD_PARTY_APPS."""
    for name, value in _named_values(node):
        if isinstance(name, str) and name.endswith("APPS"):
            yield from (each for each in ast.walk(value) if isinstance(each, ast.Constant))
    yield from _first_argument(node, _TAKES_AN_APP)


def _named_values(node: ast.AST) -> Iterator[tuple[object, ast.AST]]:
    """Yield names and what is assigned to them, passed by them, or called on them."""
    match node:
        case ast.Assign():
            yield from ((_last_name(target), node.value) for target in node.targets)
        case ast.AugAssign() | ast.AnnAssign():
            yield _last_name(node.target), node.value or node.target
        case ast.keyword():
            yield node.arg, node.value
        case ast.Call(func=ast.Attribute(value=owner)):
            yield _last_name(owner), node
        case ast.Dict():
            for key, value in zip(node.keys, node.values, strict=True):
                yield key.value if isinstance(key, ast.Constant) else None, value


def _first_argument(node: ast.AST, functions: Set[str]) -> Iterator[ast.Constant]:
    if isinstance(node, ast.Call) and _last_name(node.func) in functions:
        yield from (each for each in node.args[:1] if isinstance(each, ast.Constant))


def _last_name(node: ast.expr) -> str | None:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return None


def _text_of(node: ast.JoinedStr) -> str:
    """Return the text of a formatted string, without what is put in."""
    return "".join(
        str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values
    )


def _docstrings_and_parts(tree: ast.AST) -> set[int]:
    """Return the ids of strings that are a statement, or a part of a formatted string."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            found.add(id(node.value))
        if isinstance(node, ast.JoinedStr):
            found |= {id(part) for part in ast.walk(node) if part is not node}
    return found


# --- The command ---


def python_files(path: Path) -> Iterator[Path]:
    """Yield the Python files in `path`, without those of virtual environments."""
    if path.is_file():
        yield path
        return
    for folder, folders, names in os.walk(path):
        here = Path(folder)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and name not in _SKIPPED_FOLDERS
            and not (here / name / "pyvenv.cfg").exists()
        )
        yield from (here / name for name in sorted(names) if name.endswith(".py"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m renditions.compat.rename",
        description="Change versatileimagefield to renditions.compat in Python files. "
        "Without --write, only the differences are shown.",
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="DIR", help="a folder or a file")
    parser.add_argument("--write", action="store_true", help="change the files")
    parser.add_argument("--back", action="store_true", help="change the new name to the old one")
    options = parser.parse_args(arguments)
    direction = BACK if options.back else FORWARD
    changed = failed = 0
    for path in (file for given in options.paths for file in _existing(parser, given)):
        try:
            changed += _rename_file(path, direction, write=options.write)
        except (SyntaxError, tokenize.TokenError, LookupError, UnicodeError, OSError) as error:
            sys.stderr.write(f"{path}: not changed: {error}\n")
            failed += 1
    done = "changed." if options.write else "would change. Add --write to change them."
    sys.stderr.write(f"{changed} file{'' if changed == 1 else 's'} {done}\n")
    return 1 if failed else 0


def _existing(parser: argparse.ArgumentParser, path: Path) -> Iterator[Path]:
    if not path.exists():
        parser.error(f"{path} does not exist.")
    return python_files(path)


def _rename_file(path: Path, direction: Direction, *, write: bool) -> bool:
    data = path.read_bytes()
    if direction.root.encode() not in data:
        return False
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    source = data.decode(encoding)
    result = rename(source, direction)
    for note in result.notes:
        sys.stderr.write(f"{path}:{note.line}: look here: {note.text}\n")
    if result.text == source:
        return False
    if write:
        path.write_bytes(result.text.encode(encoding))
    else:
        before, after = source.splitlines(keepends=True), result.text.splitlines(keepends=True)
        sys.stdout.writelines(difflib.unified_diff(before, after, f"{path}", f"{path}"))
    return True


if __name__ == "__main__":
    sys.exit(main())
