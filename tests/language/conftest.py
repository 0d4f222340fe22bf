"""Dictionaries of a few words, in FreeDict's and in StarDict's format."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
WriteDictionary = Callable[[Path, Mapping[str, str]], Path]


def base64(number: int) -> str:
    digits = BASE64[number % 64]
    return (base64(number // 64) if number >= 64 else "") + digits


def write_dictd_files(index: Path, entries: Mapping[str, str], *, packed: bool = True) -> Path:
    """Write ``NAME.index`` and ``NAME.dict.dz``; entries as they are, with what dictfmt adds."""
    about = "00-database-short\nA test.\n"
    text, lines = about.encode(), [f"00-database-short\t{base64(0)}\t{base64(len(about))}"]
    for word, entry in entries.items():
        data = entry.encode()
        lines.append(f"{word.casefold()}\t{base64(len(text))}\t{base64(len(data))}")
        text += data
    index.parent.mkdir(parents=True, exist_ok=True)
    index.write_text("".join(f"{line}\n" for line in sorted(lines)), encoding="utf-8")
    body = index.with_suffix(".dict")
    if packed:
        body.with_name(f"{body.name}.dz").write_bytes(gzip.compress(text))
    else:
        body.write_bytes(text)
    return index


def write_stardict_files(
    info: Path,
    entries: Mapping[str, str],
    *,
    types: str = "m",
    synonyms: Mapping[str, int] | None = None,
) -> Path:
    """Write ``NAME.ifo``, ``.idx``, ``.dict`` and, where there are synonyms, ``.syn``."""
    text, index = b"", b""
    for word, entry in entries.items():
        data = entry.encode() if types else b"m" + entry.encode() + b"\0"
        numbers = len(text).to_bytes(4, "big") + len(data).to_bytes(4, "big")
        index += word.encode() + b"\0" + numbers
        text += data
    info.parent.mkdir(parents=True, exist_ok=True)
    lines = ["StarDict's dict ifo file", "version=2.4.2", "bookname=A test"]
    lines += [f"sametypesequence={types}"] if types else []
    info.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    info.with_suffix(".idx").write_bytes(index)
    info.with_suffix(".dict").write_bytes(text)
    if synonyms is not None:
        content = b"".join(w.encode() + b"\0" + n.to_bytes(4, "big") for w, n in synonyms.items())
        info.with_suffix(".syn").write_bytes(content)
    return info


GERMAN = {
    "Hund": "Hund /hUnt/ <masc, n, sg>\nmine car <n>, tub <n>\n   Synonym: {Wagen}\n"
    " see: {Hunde}\n",
    "Strand": "Strand /StRant/ <masc, n, sg>\n [geogr.] beach <n>, strand <n>\n"
    '      "am Strand liegen"  - lie on the beach\n',
    "Ball": "Ball /bal/ <masc>\nball\n",
    "rot": "rot /Rot/ <adj>\n1. red\n2. ruddy (of a face)\n",
    "Haus": "Haus /haUs/ <neut>\nhouse <n>\n         Note: a building\n",
    "laufen": "laufen /laUf@n/ <v>\nto run, to be running\n",
    "am": "Amplitudenmodulation /am/ (AM /am/) <n>\namplitude modulation\n",
    "Ampel": "Ampel /amp@l/ <fem>\ntraffic light <n> [Br.]\n",
    "Wombat": "Wombat /vOmbat/\nwombat\n",
}
MORE_OF_HUND = "Hund /hUnt/ <masc, n, sg>\n [zool.] dog <n>, dawg <n>\n"


@pytest.fixture
def german(tmp_path: Path) -> Path:
    """A German dictionary in FreeDict's format: the index; "Hund" has two entries."""
    return write_dictd_files(
        tmp_path / "dictd" / "freedict-deu-eng.index", {**GERMAN, "hund": MORE_OF_HUND}
    )


@pytest.fixture
def write_dictd() -> Callable[..., Path]:
    return write_dictd_files


@pytest.fixture
def write_stardict() -> Callable[..., Path]:
    return write_stardict_files
