"""The repository as text and as syntax trees, each file read once."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache, cached_property
from pathlib import Path

import pytest

PACKAGES = ("contracts", "services", "client", "deploy")


@dataclass(frozen=True)
class Module:
    """A Python file. `path` is relative to the repository, with slashes."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    def at(self, node: ast.AST, sentence: str) -> str:
        """Return a finding that an editor can jump to."""
        return f"{self.path}:{getattr(node, 'lineno', 1)}: {sentence}"

    def imports(self) -> Iterator[tuple[ast.AST, str]]:
        """Yield every module that is imported, with names that are imported from it as `module.name`."""
        for node in self.nodes:
            if isinstance(node, ast.Import):
                yield from ((node, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield from ((node, f"{node.module}.{alias.name}") for alias in node.names)

    def calls(self) -> Iterator[tuple[ast.Call, str]]:
        """Yield every call of a name, as it is written: `datetime.now`, `open`, `self.path.open`."""
        for node in self.nodes:
            if isinstance(node, ast.Call):
                yield node, ast.unparse(node.func)

    def literals(self) -> Iterator[tuple[ast.AST, str]]:
        """Yield every string, docstrings apart; what an f-string computes is shown as `{}`."""
        passed = {id(part) for node in self.nodes if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
        passed |= {id(node.value) for node in self.nodes if isinstance(node, ast.Expr)}
        for node in self.nodes:
            if isinstance(node, ast.JoinedStr):
                yield node, "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in passed:
                yield node, node.value


class Source:
    """What is in the repository: neither ignored by git nor installed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        lines = (root / ".gitignore").read_text().splitlines()
        self._ignored = tuple(line.strip().strip("/") for line in lines if line.strip() and not line.startswith("#"))

    @cached_property
    def paths(self) -> list[str]:
        """Every file, relative to the root."""
        return sorted(path.relative_to(self.root).as_posix() for path in self._below(self.root))

    def text(self, path: str) -> str | None:
        """Return a file's text, or None for what is not text."""
        try:
            return (self.root / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            return None

    def modules(self, *folders: str) -> list[Module]:
        """Return the Python files below some folders, or all there are."""
        return [module for module in self._modules if not folders or module.path.startswith(folders)]

    @cached_property
    def _modules(self) -> list[Module]:
        return [Module(path, self.text(path) or "") for path in self.paths if path.endswith(".py")]

    def _below(self, folder: Path) -> Iterator[Path]:
        for path in folder.iterdir():
            if path.name == ".git" or any(fnmatch(path.name, pattern) for pattern in self._ignored):
                continue
            if not path.is_dir():
                yield path
            elif not (path / "pyvenv.cfg").exists():
                yield from self._below(path)


@cache
def _source(root: Path) -> Source:
    return Source(root)


@pytest.fixture(scope="session")
def source(repository: Path) -> Source:
    """The repository's files."""
    return _source(repository)
