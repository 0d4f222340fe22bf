"""TREC files there and back, and figures that other tools agree with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lexret.errors import InputError, MissingError
from lexret.eval.retrieval.encoding import EncodedCaptions
from lexret.eval.retrieval.measures import compare_runs, measure_run
from lexret.eval.retrieval.report import report_retrieval, write_trec
from lexret.eval.retrieval.trec import (
    Qrels,
    Ranking,
    rank_documents,
    read_qrels,
    read_run,
    write_qrels,
    write_run,
)
from lexret.sparse import SparseBatch
from lexret.vocabulary import Vocabulary


@pytest.fixture
def tied(tiny_vocabulary: Vocabulary) -> EncodedCaptions:
    """Vectors of small integers, so that most scores are tied with others."""
    generator = np.random.default_rng(3)
    owners = np.sort(np.concatenate([np.arange(12), generator.integers(0, 12, 20)]))
    pictures = SparseBatch.from_dense(generator.integers(0, 2, (12, 6)), tiny_vocabulary)
    texts = SparseBatch.from_dense(generator.integers(0, 2, (32, 6)), tiny_vocabulary)
    return EncodedCaptions(
        pictures,
        texts,
        texts,
        owners,
        tuple(f"picture {i}.jpg" for i in range(12)),
        tuple(f"text%{i}" for i in range(32)),
        tuple("" for _ in range(32)),
    )


def trec_eval(qrels: Path, run: Path) -> dict[str, float]:
    """success_k and map, from the files alone and by trec_eval's rules (its m_map.c)."""
    gains: dict[str, dict[str, int]] = {}
    for line in qrels.read_text().splitlines():
        query, _, document, gain = line.split()
        gains.setdefault(query, {})[document] = int(gain)
    scores: dict[str, dict[str, np.float32]] = {}
    for line in run.read_text().splitlines():
        query, _, document, _, score, _ = line.split()
        scores.setdefault(query, {})[document] = np.float32(score)
    totals = {"R@1": 0.0, "R@5": 0.0, "R@10": 0.0, "mAP": 0.0}
    for query, gain_of in gains.items():
        found = scores.get(query, {})
        order = sorted(sorted(found, reverse=True), key=lambda d: -found[d])
        right = [gain_of.get(document, 0) > 0 for document in order]
        for k in (1, 5, 10):
            totals[f"R@{k}"] += any(right[:k])
        precisions = [sum(right[: i + 1]) / (i + 1) for i in range(len(right)) if right[i]]
        totals["mAP"] += sum(precisions) / sum(gain > 0 for gain in gain_of.values())
    return {name: 100 * total / len(gains) for name, total in totals.items()}


@pytest.mark.parametrize("direction", ["text_to_image", "image_to_text"])
def test_trec_eval_counts_our_files_as_we_count_the_vectors(
    tied: EncodedCaptions, tmp_path: Path, direction: str
) -> None:
    write_trec(tmp_path, tied)
    qrels, run = tmp_path / f"{direction}.qrels", tmp_path / f"{direction}.run"
    ours = report_retrieval(tied).as_dict()[direction]
    theirs = trec_eval(qrels, run)
    read_back = measure_run(read_qrels(qrels), read_run(run)).as_dict()
    for name, figure in theirs.items():
        assert ours[name] == pytest.approx(figure, abs=1e-4)  # printed with four digits
        assert read_back[name] == pytest.approx(figure, abs=1e-4)
    assert read_back["median_rank"] == ours["median_rank"]


@pytest.mark.parametrize("depth", [3, 1000])
def test_ir_measures_agrees(tied: EncodedCaptions, tmp_path: Path, depth: int) -> None:
    ir_measures = pytest.importorskip("ir_measures", reason="ir_measures is not installed")
    write_trec(tmp_path, tied, depth=depth)
    for direction in ("text_to_image", "image_to_text"):
        qrels, run = tmp_path / f"{direction}.qrels", tmp_path / f"{direction}.run"
        wanted = {
            "R@1": ir_measures.Success @ 1,
            "R@5": ir_measures.Success @ 5,
            "R@10": ir_measures.Success @ 10,
            "mAP": ir_measures.AP,
        }
        theirs = ir_measures.calc_aggregate(
            list(wanted.values()),
            list(ir_measures.read_trec_qrels(str(qrels))),
            list(ir_measures.read_trec_run(str(run))),
        )
        values = measure_run(read_qrels(qrels), read_run(run)).values()
        for name, measure in wanted.items():
            assert values[name].mean() / 100 == pytest.approx(theirs[measure], abs=1e-6)


def test_what_is_right_is_written_behind_what_scores_the_same() -> None:
    ranking = rank_documents("q", ["a", "b", "c"], np.array([0.5, 0.5, 0.9]), {"a": 1})
    assert ranking.documents == ("c", "b", "a")
    assert list(np.diff(np.array(ranking.scores, np.float32)) < 0) == [True, True]
    assert ranking.scores[1] == 0.5


def test_ids_with_blanks_and_percent_signs_come_back(tmp_path: Path) -> None:
    names = ("a b.jpg", "100%25.jpg", "\u00e9/\u3000#1")
    write_run(tmp_path / "run", [Ranking("my query", names, (3.0, 2.0, 1.0))])
    write_qrels(tmp_path / "qrels", {"my query": {names[1]: 1, names[2]: 0}})
    assert read_run(tmp_path / "run") == {"my query": names}
    assert read_qrels(tmp_path / "qrels") == {"my query": {names[1]: 1, names[2]: 0}}


def test_a_run_is_read_by_score_and_ties_by_id_backwards(tmp_path: Path) -> None:
    lines = ["q Q0 a 1 0.5 x", "q Q0 b 2 0.5 x", "q Q0 c 3 0.7 x", ""]
    (tmp_path / "run").write_text("\n".join(lines))
    assert read_run(tmp_path / "run") == {"q": ("c", "b", "a")}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("q Q0 a 1 0.5", "expected QUERY Q0 DOCUMENT RANK SCORE NAME"),
        ("q Q0 a 1 much x", "the score is 'much'"),
        ("q Q0 a 1 nan x", "finite"),
        ("q Q0 b 1 0.5 x\nq Q0 b 2 0.4 x", ":2: q and b stand there already"),
        ("", "is empty"),
    ],
)
def test_broken_runs_are_named_by_line(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "run").write_text(line)
    with pytest.raises(InputError, match=message):
        read_run(tmp_path / "run")


def test_broken_qrels_and_missing_files_are_errors(tmp_path: Path) -> None:
    (tmp_path / "qrels").write_text("q 0 a yes\n")
    with pytest.raises(InputError, match=":1: the gain is 'yes'"):
        read_qrels(tmp_path / "qrels")
    with pytest.raises(MissingError, match="no file"):
        read_run(tmp_path / "run")


QRELS: Qrels = {"1": {"a": 1, "b": 1}, "2": {"c": 1, "a": 0}, "3": {"a": 0}, "4": {"z": 2}}


def test_queries_without_a_right_document_do_not_count_and_missing_ones_do() -> None:
    figures = measure_run(QRELS, {"1": ("a", "x", "b"), "2": ("a", "c"), "9": ("a",)})
    assert figures.queries == ("1", "2", "4")
    np.testing.assert_allclose(figures.precisions, [(1 + 2 / 3) / 2, 1 / 2, 0.0])
    assert figures.ranks.tolist() == [1.0, 2.0, np.inf]
    assert figures.as_dict()["median_rank"] == 2.0
    assert measure_run(QRELS, {"4": ()}).as_dict()["median_rank"] is None


def test_a_run_of_other_queries_is_an_error() -> None:
    with pytest.raises(InputError, match="none of the qrels' 3 queries"):
        measure_run(QRELS, {"q": ("a",)})


def test_runs_are_compared_over_the_same_queries() -> None:
    qrels = {str(i): {"a": 1} for i in range(6)}
    # All queries have the same right document: one group, of which no test can tell anything.
    same = compare_runs(qrels, {"0": ("b", "a")}, {str(i): ("a",) for i in range(6)})
    assert (same["R@1"].first, same["R@1"].second, same["R@1"].p_value) == (0.0, 100.0, 1.0)
