"""Imports point one way: each room has a level of its own and imports from lower ones only.

No circle is left between files, between the rooms of a room, or between rooms; imports inside of
functions count as those at the top do. What stands under ``if TYPE_CHECKING`` counts too.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "lexret"
# From the ground up; what stands in ``lexret/`` as a single file is a room as well.
ROOMS = (
    *("errors", "arguments", "vocabulary", "sparse", "files", "language", "engine"),
    *("presets", "config", "pictures", "captions", "models", "encoders", "vocabularies"),
    *(
        "interop",
        "explain",
        "telling",
        "rebuild",
        "library",
        "eval",
        "training",
        "diagnosis",
        "serve",
        "cli",
    ),
)
LEVEL = {room: level for level, room in enumerate(ROOMS)}
# All that the search engine knows of the package.
GROUND_OF_THE_ENGINE = {"errors", "arguments", "vocabulary", "sparse", "files", "engine"}
# Of the engine, what still speaks of pictures and of the text encoder.
SPEAKS_OF_PICTURES = "engine/query/"
# The package's own facade, whose imports are lazy, and the entry point.
FACADES = ("__init__.py", "__main__.py")
# Rooms that never import torch, and rooms that do so only inside a function.
WITHOUT_TORCH = {
    *("errors", "arguments", "vocabulary", "sparse", "files", "language", "engine", "presets"),
    *("config", "pictures"),
    *("captions", "vocabularies", "interop", "library", "cli"),
}
TORCH_WHEN_CALLED = {"explain", "telling", "eval", "diagnosis", "serve"}
MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
ROOMED = [module for module in MODULES if module not in FACADES]

Graph = Mapping[str, set[str]]


def room_of(module: str) -> str:
    return module.partition("/")[0].removesuffix(".py")


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse((PACKAGE / module).read_text(encoding="utf-8"))


def imported(nodes: Iterator[ast.AST], module: str) -> Iterator[str]:
    """The dotted names that import statements name, relative ones made absolute.

    Of ``from a import b``, both ``a`` and ``a.b``: whether b is a module shows later.
    """
    package = ("lexret", *module.split("/")[:-1])
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            source = ".".join((*base, *([node.module] if node.module else [])))
            yield source
            yield from (f"{source}.{alias.name}" for alias in node.names)


def rooms_imported(module: str) -> Iterator[tuple[str, str]]:
    """What a module imports of the package: the name, and its room."""
    for name in imported(ast.walk(tree_of(module)), module):
        root, _, rest = name.partition(".")
        room = rest.partition(".")[0]
        if root == "lexret" and room in LEVEL:
            yield name, room


@pytest.mark.parametrize("module", ROOMED)
def test_a_module_imports_only_from_its_own_room_or_below(module: str) -> None:
    room = room_of(module)
    assert room in LEVEL, f"lexret.{room} has no level; give it one in ROOMS"
    for name, target in rooms_imported(module):
        assert LEVEL[target] <= LEVEL[room], f"{module} imports {name}, which is above it"


@pytest.mark.parametrize("module", [m for m in MODULES if room_of(m) == "engine"])
def test_the_engine_stands_on_vectors_words_and_files_alone(module: str) -> None:
    for name in imported(ast.walk(tree_of(module)), module):
        root, _, rest = name.partition(".")
        allowed = root != "lexret" or rest.partition(".")[0] in GROUND_OF_THE_ENGINE
        assert allowed, f"{module} imports {name}"


@pytest.mark.parametrize("module", [m for m in MODULES if room_of(m) == "engine"])
def test_the_engine_names_no_other_room_and_no_photo(module: str) -> None:
    text = (PACKAGE / module).read_text(encoding="utf-8")
    rooms = set(re.findall(r"\blexret\.([a-z_]+)", text))
    assert rooms <= GROUND_OF_THE_ENGINE
    if not module.startswith(SPEAKS_OF_PICTURES):
        text = text.replace('"pictures"', "")  # a key of the file of corrections
        assert not re.findall(r"(?i)pictures?|photos?|\bimages?|encoders?|mtime|taken_s", text)


def test_every_room_has_a_level_and_every_level_a_room() -> None:
    found = {room_of(module) for module in ROOMED}
    assert found == set(LEVEL) - {"models"}  # files of models only
    assert (PACKAGE / "models").is_dir()
    assert found >= WITHOUT_TORCH | TORCH_WHEN_CALLED
    assert not WITHOUT_TORCH & TORCH_WHEN_CALLED


def file_of(name: str) -> str | None:
    """The module of the package that a dotted name is, or is a part of; None for other names."""
    if name.partition(".")[0] != "lexret":
        return None
    place = name.partition(".")[2].replace(".", "/")
    found = (file for file in (f"{place}.py", f"{place}/__init__.py".lstrip("/")) if file in FILES)
    return next(found, None)


FILES = frozenset(MODULES)


def imports_between_files() -> dict[str, set[str]]:
    """Module -> the modules that it imports; the facade, which imports nothing itself, left out."""
    graph: dict[str, set[str]] = {}
    for module in ROOMED:
        targets = graph.setdefault(module, set())
        nodes = ast.walk(tree_of(module))
        for node in nodes:
            names = list(imported(iter((node,)), module))
            # `from a import b` is an import of a.b alone where b is a module.
            deeper = [file for file in map(file_of, names[1:]) if file]
            targets.update(deeper if len(deeper) == len(names) - 1 and deeper else
                           (file for file in map(file_of, names) if file))  # fmt: skip
        targets -= {module, *FACADES}
    return graph


def joined(graph: Graph, depth: int) -> dict[str, set[str]]:
    """The same graph between folders: as many parts of each module's path."""

    def folder(module: str) -> str:
        return "/".join(module.removesuffix(".py").removesuffix("/__init__").split("/")[:depth])

    folders: dict[str, set[str]] = {}
    for module, targets in graph.items():
        here = folders.setdefault(folder(module), set())
        here.update(there for there in map(folder, targets) if there != folder(module))
    return folders


def circle(graph: Graph) -> list[str]:
    """A circle of a graph, empty if there is none."""
    done: set[str] = set()

    def walk(node: str, path: list[str]) -> list[str]:
        if node in path:
            return [*path[path.index(node) :], node]
        if node in done:
            return []
        for target in sorted(graph.get(node, ())):
            if found := walk(target, [*path, node]):
                return found
        done.add(node)
        return []

    return next((found for node in sorted(graph) if (found := walk(node, []))), [])


def test_no_circle_is_left_between_files() -> None:
    assert not circle(imports_between_files())


@pytest.mark.parametrize("depth", [1, 2])
def test_no_circle_is_left_between_rooms(depth: int) -> None:
    assert not circle(joined(imports_between_files(), depth))


def test_circles_are_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert circle({"a": {"b"}, "b": {"c"}, "c": set()}) == []
    assert circle(joined({"a/x.py": {"b/x.py"}, "b/y.py": {"a/y.py"}}, 1)) == ["a", "b", "a"]


def statements_at_import(tree: ast.AST) -> Iterator[ast.AST]:
    """What runs when the module is imported: no function bodies, no `if TYPE_CHECKING`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from statements_at_import(node)


def imports_torch(names: Iterator[str]) -> bool:
    return any(name.partition(".")[0] in ("torch", "torchvision", "timm") for name in names)


@pytest.mark.parametrize("module", [m for m in MODULES if room_of(m) in WITHOUT_TORCH])
def test_a_module_of_these_rooms_never_imports_torch(module: str) -> None:
    assert not imports_torch(imported(ast.walk(tree_of(module)), module))


@pytest.mark.parametrize("module", [m for m in MODULES if room_of(m) in TORCH_WHEN_CALLED])
def test_a_module_of_these_rooms_imports_torch_only_when_called(module: str) -> None:
    assert not imports_torch(imported(statements_at_import(tree_of(module)), module))
