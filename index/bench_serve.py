"""Measures `lexret serve` under many users at once, while the index is committed meanwhile.

    python index/bench_serve.py --pictures 100000 --users 50 --seconds 20

It makes an index of random vectors over the words of a shipped model (Zipf-distributed, 64 words a
picture), starts the server in a process of its own, and lets every user ask, wait for the answer
and ask again, without a pause. A share of requests completes words. With --commits, another
process adds pictures meanwhile, one commit after the other. Every answer is held against the
commit that it names: the number of pictures, the order of hits, and that products add up to
scores. What is printed is JSON: throughput, quantiles of the time to the whole answer, errors, and
the server's memory after as long a time without commits, and after that again.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import math
import os
import platform
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import click
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from lexret.encoders.folder.record import find_model, read_record
from lexret.engine.writer import EmbeddedIndexWriter
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary

ROOT = Path(__file__).resolve().parent.parent
WORDS_A_PICTURE = 64
CHUNK = 5000
QUERIES = (
    "a dog on a beach", "a red car in the street", "two children playing football", "a cat",
    "a man riding a horse", "a cup of coffee on a table", "mountains and a lake at sunset",
    "a woman in an orange suit", "people at a market", "a bird on a branch", "a train station",
    "+dog grass", "beach -car", "dog^2 (water OR snow)", "a plate of food path:p/1*",
)  # fmt: skip


@dataclass
class Tally:
    """What one user saw."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: {"search": [], "complete": []})
    statuses: Counter[int] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    commits: set[int] = field(default_factory=set)


def main() -> int:
    """Run the benchmark; return 1 if any answer was wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--commits", type=int, default=0, help="commits of 100 pictures meanwhile")
    parser.add_argument("--complete", type=float, default=0.3, help="share of completions")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / ".lexret"
        started = time.monotonic()
        words = make_index(place, arguments.pictures)
        built = time.monotonic() - started
        with (server := Serving(place)) as port:
            load(place, port, argparse.Namespace(**{**vars(arguments), "commits": 0}), words)
            before, memory_before = server.cpu_seconds(), server.memory_mb()
            tallies, took = load(place, port, arguments, words)
            cpu = server.cpu_seconds() - before
            memory = {"before": memory_before, "after": server.memory_mb()}
    told = report(arguments, tallies, took, built, cpu) | {"server_memory_mb": memory}
    click.echo(json.dumps(told, indent=2))
    return 1 if any(one.problems for one in tallies) else 0


def make_index(place: Path, num_pictures: int) -> Vocabulary:
    """Write an index of random vectors that the model `mini` could have made."""
    record = read_record(find_model("mini"))
    vocabulary = record.vocabulary()
    with EmbeddedIndexWriter.create(
        place, vocabulary, model_id=record.model_id, model_source="mini", roots=[".."]
    ) as writer:
        for start in range(0, num_pictures, CHUNK):
            add(writer, vocabulary, start, min(CHUNK, num_pictures - start))
        writer.commit()
    return vocabulary


def add(writer: EmbeddedIndexWriter, vocabulary: Vocabulary, start: int, count: int) -> None:
    """Add pictures with random vectors."""
    ids = [f"p/{number:07}.jpg" for number in range(start, start + count)]
    fields = {
        "size": list(range(start, start + count)),
        "sha256": [hashlib.sha256(doc_id.encode()).hexdigest() for doc_id in ids],
    }
    writer.add(ids, random_vectors(vocabulary, start, count), fields=fields)


def random_vectors(vocabulary: Vocabulary, start: int, count: int) -> SparseBatch:
    """Return vectors of length 1 with Zipf-distributed words."""
    rng = np.random.default_rng(start + 1)
    order = np.random.default_rng(0).permutation(len(vocabulary))
    ranks = np.minimum(rng.zipf(1.15, (count, 4 * WORDS_A_PICTURE)) - 1, len(vocabulary) - 1)
    rows = [np.unique(order[row])[:WORDS_A_PICTURE] for row in ranks]
    weights = [rng.random(len(row)).astype(np.float32) + 0.01 for row in rows]
    weights = [one / np.linalg.norm(one) for one in weights]
    return SparseBatch(
        np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64),
        np.concatenate(rows).astype(np.int32),
        np.concatenate(weights).astype(np.float32),
        vocabulary,
    )


class Serving:
    """Runs `lexret serve` in a process of its own; gives its port.

    Args:
        root: the checkout whose package serves.
    """

    def __init__(self, place: Path, root: Path = ROOT) -> None:
        command = [sys.executable, "-m", "lexret", "serve", "--index", str(place), "--port", "0"]
        environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=environment, cwd=root
        )

    def __enter__(self) -> int:
        assert self._process.stdout is not None
        address = self._process.stdout.readline().strip()
        if not address:
            raise SystemExit("the server did not start")
        return int(address.rstrip("/").rpartition(":")[2])

    def cpu_seconds(self) -> float:
        """Return the processor time that the server has taken; only Linux tells."""
        stat = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="utf-8")
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> int:
        """Return the private memory that the server holds, without maps of files; Linux only."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8")
        line = next(line for line in status.splitlines() if line.startswith("RssAnon:"))
        return int(line.split()[1]) // 1000

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(20)


def load(
    place: Path, port: int, arguments: argparse.Namespace, words: Vocabulary
) -> tuple[list[Tally], float]:
    """Let all users ask at once, for some seconds."""
    held = {1: arguments.pictures}
    tallies = [Tally() for _ in range(arguments.users)]
    stop = threading.Event()
    threads = [
        threading.Thread(target=ask, args=(port, one, stop, held, number, arguments.complete))
        for number, one in enumerate(tallies)
    ]
    started = time.monotonic()
    for one in threads:
        one.start()
    for number in range(arguments.commits):
        time.sleep(arguments.seconds / (arguments.commits + 1))
        with EmbeddedIndexWriter.open(place) as writer:
            add(writer, words, arguments.pictures + 100 * number, 100)
            held[number + 2] = arguments.pictures + 100 * (number + 1)
            writer.commit()
    time.sleep(max(0.0, started + arguments.seconds - time.monotonic()))
    stop.set()
    for one in threads:
        one.join()
    return tallies, time.monotonic() - started


def ask(
    port: int,
    tally: Tally,
    stop: threading.Event,
    held: dict[int, int],
    number: int,
    share: float,
) -> None:
    """Be a user: ask, wait, check, ask again."""
    choose = random.Random(number)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    while not stop.is_set():
        kind = "complete" if choose.random() < share else "search"
        query = choose.choice(QUERIES)
        path = f"/api/search?q={quote(query)}&k=30"
        if kind == "complete":
            path = f"/api/complete?prefix={quote(query[:4].strip('+'))}"
        started = time.perf_counter()
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            tally.problems.append(repr(error))
            connection.close()
            continue
        tally.seconds[kind].append(time.perf_counter() - started)
        tally.statuses[answer.status] += 1
        if answer.status == 200 and kind == "search":
            check(json.loads(body), query, held, tally)


def check(found: dict[str, object], query: str, held: dict[int, int], tally: Tally) -> None:
    """Note where an answer is not one of the commit that it names, or of another query."""
    commit, hits = found["commit"], found["hits"]
    assert isinstance(commit, int) and isinstance(hits, list)
    tally.commits.add(commit)
    if found["query"] != query:
        tally.problems.append(f"an answer to {found['query']!r} came for {query!r}")
    if held.get(commit) != found["pictures"]:
        tally.problems.append(f"commit {commit} with {found['pictures']} pictures")
    keys = [(-one["score"], one["id"]) for one in hits]
    if keys != sorted(keys):
        tally.problems.append(f"hits out of order for {query!r}")
    for one in hits:
        total = math.fsum(word["product"] for word in one["words"])
        if not math.isclose(total, one["score"], rel_tol=1e-6):
            tally.problems.append(f"products add up to {total}, the score is {one['score']}")


def num_requests(tally: Tally) -> int:
    """Return how many answers a user got."""
    return sum(tally.statuses.values())


def report(
    arguments: argparse.Namespace, tallies: list[Tally], took: float, built: float, cpu: float
) -> dict[str, object]:
    """Sum up what all users saw."""
    kinds = {}
    for kind in ("search", "complete"):
        seconds = np.array([s for one in tallies for s in one.seconds[kind]])
        if len(seconds):
            p50, p95, p99 = np.quantile(seconds, [0.5, 0.95, 0.99])
            kinds[kind] = {
                "requests": len(seconds),
                "per_second": round(len(seconds) / took, 1),
                "p50_ms": round(1000 * float(p50), 1),
                "p95_ms": round(1000 * float(p95), 1),
                "p99_ms": round(1000 * float(p99), 1),
            }
    return {
        "pictures": arguments.pictures,
        "users": arguments.users,
        "seconds": round(took, 1),
        "server_cpu_ms_a_request": round(1000 * cpu / max(1, sum(map(num_requests, tallies))), 1),
        "index_built_in_s": round(built, 1),
        **kinds,
        "statuses": dict(sum((one.statuses for one in tallies), Counter())),
        "commits_seen": sorted(set().union(*(one.commits for one in tallies))),
        "problems": [problem for one in tallies for problem in one.problems][:10],
        "num_problems": sum(len(one.problems) for one in tallies),
        "cores": os.cpu_count(),
        "load_average": os.getloadavg(),
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    sys.exit(main())
