"""What lexret depends on is bounded by what was tested, and each dependency has its reason."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]


def requirements() -> list[Requirement]:
    """All of setup.cfg, whatever the extras are called; lexret's own extras aside."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    texts = [setup["options"]["install_requires"], *setup["options.extras_require"].values()]
    lines = [line.strip() for text in texts for line in text.splitlines()]
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return [one for one in found if canonicalize_name(one.name) != "lexret"]


def versions_tested() -> dict[str, str]:
    """The versions of constraints/cpu.txt."""
    lines = (ROOT / "constraints/cpu.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.partition("==") for line in lines if "==" in line and not line.startswith("#"))
    return {canonicalize_name(name): version.strip() for name, _, version in pairs}


@pytest.mark.parametrize("requirement", requirements(), ids=str)
def test_a_dependency_is_bounded_by_what_was_tested(requirement: Requirement) -> None:
    operators = {one.operator for one in requirement.specifier}
    assert operators in ({"=="}, {">=", "<"}), requirement
    version = versions_tested().get(canonicalize_name(requirement.name))
    if version is None:
        return
    assert requirement.specifier.contains(version)
    (bound,) = (one.version for one in requirement.specifier if one.operator in ("<", "=="))
    major, minor = version.split(".")[:2]
    next_one = str(int(major) + 1) if major != "0" else f"0.{int(minor) + 1}"
    assert bound in (next_one, version)


def test_the_page_of_dependencies_names_exactly_those_of_setup_cfg() -> None:
    page = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\S+) \| (.+) \|$", page, re.MULTILINE)
    named = [canonicalize_name(name) for name, _ in rows if name not in ("package", "---")]
    assert len(named) == len(set(named))
    assert set(named) == {canonicalize_name(one.name) for one in requirements()}
    assert all(len(reason) > 8 for name, reason in rows if name not in ("package", "---"))
