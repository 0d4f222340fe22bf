"""Imports point one way: cli -> training, eval, explain -> encoders, index, data -> the ground."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "lexret"
LAYERS = (
    {"errors", "vocabulary", "models", "sparse"},
    {"config", "presets"},
    {"files", "engine", "pictures", "captions"},
    {"encoders", "interop"},
    {"library"},
    {"vocabularies"},
    {"training", "eval", "explain", "diagnosis"},
    {"serve"},
    {"cli"},
)
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
# The package's own facade, whose imports are lazy, and the entry point.
FACADES = ("__init__.py", "__main__.py")
# Rooms that never import torch, and rooms that do so only inside a function.
WITHOUT_TORCH = (
    *("engine", "library", "interop"),
    *("sparse", "vocabulary", "errors", "config", "presets", "cli"),
)
TORCH_WHEN_CALLED = (
    "files",
    "captions",
    "pictures",
    "vocabularies",
    "explain",
    "eval",
    "diagnosis",
    "serve",
)
MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))


def room_of(module: str) -> str:
    return module.partition("/")[0].removesuffix(".py")


def imported(nodes: Iterator[ast.AST], module: str) -> Iterator[str]:
    """The dotted names that import statements name, relative ones made absolute."""
    package = ("lexret", *module.split("/")[:-1])
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            source = ".".join((*base, *([node.module] if node.module else [])))
            yield source
            if source == "lexret":
                yield from (f"lexret.{alias.name}" for alias in node.names)


def statements_at_import(tree: ast.AST) -> Iterator[ast.AST]:
    """What runs when the module is imported: no function bodies, no `if TYPE_CHECKING`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from statements_at_import(node)


def tree_of(module: str) -> ast.Module:
    return ast.parse((PACKAGE / module).read_text(encoding="utf-8"))


@pytest.mark.parametrize("module", [module for module in MODULES if module not in FACADES])
def test_a_module_imports_only_from_its_own_level_or_below(module: str) -> None:
    room = room_of(module)
    assert room in LEVEL, f"lexret.{room} has no level; give it one in LAYERS"
    for name in imported(ast.walk(tree_of(module)), module):
        root, _, rest = name.partition(".")
        target = rest.partition(".")[0]
        if root == "lexret" and target and target in LEVEL:
            assert LEVEL[target] <= LEVEL[room], f"{module} imports {name}, which is above it"


def imports_torch(names: Iterator[str]) -> bool:
    return any(name.partition(".")[0] in ("torch", "torchvision", "timm") for name in names)


@pytest.mark.parametrize(
    "module", [module for module in MODULES if room_of(module) in WITHOUT_TORCH]
)
def test_a_module_of_these_rooms_never_imports_torch(module: str) -> None:
    assert not imports_torch(imported(ast.walk(tree_of(module)), module))


@pytest.mark.parametrize(
    "module",
    [m for m in MODULES if room_of(m) in TORCH_WHEN_CALLED],
)
def test_a_module_of_these_rooms_imports_torch_only_when_called(module: str) -> None:
    assert not imports_torch(imported(statements_at_import(tree_of(module)), module))


def test_every_room_has_a_level() -> None:
    assert {room_of(module) for module in MODULES if module not in FACADES} <= set(LEVEL)
