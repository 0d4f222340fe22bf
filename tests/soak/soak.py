"""A soak: serves an index for minutes while it changes, and watches what the server takes.

``python tests/soak/soak.py --minutes 30``: makes pictures of plain colours, indexes them, starts
``lexret serve``, and asks in turns: searches, explanations, pictures, uploads, wrong requests.
Meanwhile pictures come and go and words are corrected, each by its own command. Every answer is
checked: its status, the order of the scores, the products of the words, and that a commit is never
older than the one before it. Prints JSON: requests, wrong answers, and memory, threads and open
files over time. Exit status 1: an answer was wrong, or the server grew.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from PIL import Image

QUERIES = (
    "dog",
    "a red wall",
    "+blue (sea OR sky) -car",
    "size:1..",
    "no dog",
    "path:*.jpg",
    "(",
    "zzz",
)
# What the server may take more at the end than after the first fifth of the time.
MOST_GROWTH = 60_000_000


@dataclass
class Watch:
    """What is seen of the server."""

    pid: int
    memory: list[int] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    files: list[int] = field(default_factory=list)

    def look(self) -> None:
        """Note what the process takes now."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        values = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
        self.memory.append(1024 * int(values["VmRSS"].split()[0]))
        self.threads.append(int(values["Threads"]))
        self.files.append(len(list(Path(f"/proc/{self.pid}/fd").iterdir())))


class Soak:
    """A folder, its server, and what is done with them."""

    def __init__(self, folder: Path, model: str, seed: int) -> None:
        self.folder, self.model, self.chance = folder, model, random.Random(seed)
        self.number, self.commit = 0, 0
        self.asked: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.port = 0

    def add_picture(self) -> None:
        """Put a picture into the folder."""
        colour = tuple(self.chance.randrange(256) for _ in range(3))
        self.number += 1
        Image.new("RGB", (96, 64), colour).save(self.folder / f"{self.number:05}.jpg")

    def lexret(self, *arguments: str) -> None:
        """Run a command; it must end well."""
        command = [sys.executable, "-m", "lexret", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=900)
        self.asked[arguments[0]] += 1
        if done.returncode not in (0, 1) or "Traceback" in done.stderr:
            self.wrong.append(
                f"lexret {' '.join(arguments)}: {done.returncode} {done.stderr[-500:]}"
            )

    def change(self) -> None:
        """Let pictures come and go, or correct a word."""
        there = sorted(self.folder.glob("*.jpg"))
        if self.chance.random() < 0.3:
            name = self.chance.choice(there).name
            self.lexret("words", "edit", name, "+dog", "--index", str(self.folder))
            return
        for _ in range(self.chance.randrange(1, 4)):
            self.add_picture()
        self.chance.choice(there).unlink()
        self.lexret("index", str(self.folder))

    def ask(self, path: str, *, body: bytes | None = None) -> tuple[int, bytes]:
        """Ask the server."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request("GET" if body is None else "POST", path, body=body)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def question(self) -> None:
        """Ask for something, and check what comes."""
        kind = self.chance.choice(("search",) * 6 + ("explain", "picture", "upload", "wrong"))
        self.asked[kind] += 1
        text = self.chance.choice(QUERIES)
        status, content = self.ask(f"/api/search?{urlencode({'q': text, 'k': 10})}")
        if status == 422:
            return
        if status != 200:
            self.wrong.append(f"search {text!r}: {status} {content[:200]!r}")
            return
        answer = json.loads(content)
        self.check(text, answer)
        if kind != "search" and answer["hits"]:
            self.further(kind, self.chance.choice(answer["hits"])["id"])

    def check(self, text: str, answer: dict[str, Any]) -> None:
        """Check an answer by itself and against the commit before."""
        scores = [hit["score"] for hit in answer["hits"]]
        if scores != sorted(scores, reverse=True):
            self.wrong.append(f"search {text!r}: scores {scores}")
        if answer["commit"] < self.commit:
            self.wrong.append(f"commit {answer['commit']} after {self.commit}")
        self.commit = max(self.commit, answer["commit"])
        for hit in answer["hits"]:
            total = sum(word["product"] for word in hit["words"])
            if abs(total - hit["score"]) > 1e-3 * max(1.0, hit["score"]):
                self.wrong.append(f"search {text!r}: {hit['id']} {hit['score']} of {total}")

    def further(self, kind: str, name: str) -> None:
        """Go on from a hit."""
        if kind == "upload":
            file = io.BytesIO()
            Image.new("RGB", (64, 64), (self.chance.randrange(256), 9, 9)).save(file, "JPEG")
            status, content = self.ask("/api/uploads", body=file.getvalue())
            if status == 200:
                key = json.loads(content)["key"]
                status, content = self.ask(f"/api/search?image={key}")
        elif kind == "wrong":
            status, content = self.ask("/api/uploads", body=b"no picture")
            status = 200 if status in (415, 422) else status
        else:
            address = "/api/explain?q=dog&id=" if kind == "explain" else "/picture?id="
            status, content = self.ask(address + quote(name, safe=""))
        # A picture may be gone since it was found, and the server may be busy.
        if status not in (200, 404, 503):
            self.wrong.append(f"{kind} {name}: {status} {content[:200]!r}")


def main() -> int:
    """Soak; see the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        soak = Soak(Path(place), given.model, given.seed)
        for _ in range(40):
            soak.add_picture()
        soak.lexret("index", place, "--model", given.model)
        command = [sys.executable, "-m", "lexret", "serve", "--index", place, "--port", "0"]
        server = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
        )
        try:
            return run(soak, server, 60 * given.minutes)
        finally:
            server.terminate()
            server.wait(60)


def run(soak: Soak, server: subprocess.Popen[str], seconds: float) -> int:
    """Ask and change until the time is over, and print what was seen."""
    assert server.stdout is not None
    for line in server.stdout:
        if "http://127.0.0.1:" in line:
            soak.port = int(line.partition("http://127.0.0.1:")[2].split("/")[0].split()[0])
            break
    watch, started = Watch(server.pid), time.monotonic()
    while time.monotonic() - started < seconds and server.poll() is None:
        for _ in range(60):
            soak.question()
        soak.change()
        watch.look()
    first = max(1, len(watch.memory) // 5)
    growth = watch.memory[-1] - watch.memory[first] if len(watch.memory) > first else 0
    report = {
        "minutes": round((time.monotonic() - started) / 60, 1),
        "asked": dict(soak.asked),
        "commits": soak.commit,
        "wrong": soak.wrong[:20],
        "growth_bytes": growth,
        "memory_bytes": watch.memory,
        "threads": watch.threads,
        "open_files": watch.files,
        "server_alive": server.poll() is None,
    }
    sys.stdout.write(json.dumps(report, indent=1) + "\n")
    return int(bool(soak.wrong) or growth > MOST_GROWTH or server.poll() is not None)


if __name__ == "__main__":
    sys.exit(main())
