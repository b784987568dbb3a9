"""What each module of the project imports, read from its source without running it."""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("ddlivm", "components", "pipelines")


@dataclass(frozen=True)
class Import:
    """One import statement: what it names, and whether it runs when the module is loaded."""

    module: str
    at_load: bool


@cache
def project_modules() -> dict[str, Path]:
    """Return every module of the project by its dotted name."""
    return {_dotted(path): path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))}


@cache
def imports_of(module: str) -> tuple[Import, ...]:
    """Return a project module's imports, those inside functions too."""
    path = project_modules()[module]
    found: list[Import] = []
    _collect(ast.parse(path.read_text(encoding="utf-8")), True, found)
    return tuple(found)


@cache
def closure_of(module: str) -> frozenset[str]:
    """Return the project's modules that one reaches by imports of any kind, itself included."""
    reached: set[str] = set()
    waiting = [module]
    while waiting:
        current = waiting.pop()
        if current not in reached:
            reached.add(current)
            waiting += [entry.module for entry in imports_of(current) if entry.module in project_modules()]
    return frozenset(reached)


def _dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _collect(node: ast.AST, at_load: bool, found: list[Import]) -> None:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            found.extend(Import(alias.name, at_load) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "imports name the whole path"
            base = child.module or ""
            for alias in child.names:
                inner = f"{base}.{alias.name}"
                found.append(Import(inner if inner in project_modules() else base, at_load))
        else:
            deferred = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) or _is_type_checking(child)
            _collect(child, at_load and not deferred, found)


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
