"""Cells denoised by a language model: masks and prompts as published, and a model that copies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from lexret.errors import InputError, MismatchError
from lexret.rebuild.denoising import denoise, require_vocabulary
from lexret.rebuild.denoising_prompts import (
    AS_THE_CODE,
    AS_THE_PAPER,
    TASKS,
    CellPair,
    DenoisingSettings,
    Task,
    mask_of,
    noisy_copies,
    prompt_parts,
)
from lexret.telling.language_model import Where, require_token_model

ENTRIES = np.arange(100, 400)
BETWEEN = (", output:", " >\nOutput: ")


class Copier:
    """Model of tokens that answers what most of the examples answer, place by place.

    Tokens from 1000 on are texts; the others are cells.
    """

    name = "copier"
    num_tokens = 2000

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.asked: list[tuple[list[int], int, Sequence[int] | None]] = []
        self.where: set[Where] = set()

    def token_ids(self, text: str, *, where: Where) -> list[int]:
        self.where.add(where)
        if text not in self.texts:
            self.texts.append(text)
        return [1000 + self.texts.index(text)]

    def pieces(self, token_ids: Sequence[int]) -> list[str]:
        return [f"▁{token_id}" for token_id in token_ids]

    def continue_tokens(
        self, ids: Sequence[int], num: int, allowed: Sequence[int] | None
    ) -> list[int]:
        self.asked.append((list(ids), num, allowed))
        between = {1000 + n for n, text in enumerate(self.texts) if text.endswith(BETWEEN)}
        starts = [place + 1 for place, token in enumerate(ids) if token in between][:-1]
        answers = [ids[start : start + num] for start in starts]
        found = [Counter(column).most_common(1)[0][0] for column in zip(*answers, strict=True)]
        return found


@pytest.fixture(scope="module")
def tiny_lm_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random Llama of two layers that reads 400 tokens."""
    torch = pytest.importorskip("torch", reason="needs torch: pip install 'lexret[train]'")
    from lexret.encoders.torchvision_ops import declare_missing_operators
    from tests.telling.test_transformers_model import save_tokenizer

    folder = tmp_path_factory.mktemp("llama")
    size = save_tokenizer(folder)
    declare_missing_operators()
    from transformers import LlamaConfig, LlamaForCausalLM

    with torch.random.fork_rng():
        torch.manual_seed(0)
        LlamaForCausalLM(
            LlamaConfig(vocab_size=size, max_position_embeddings=400, hidden_size=16,
                        intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
                        initializer_range=0.3)
        ).save_pretrained(folder)  # fmt: skip
    return folder


def picture(seed: int = 0, shape: tuple[int, int] = (16, 16)) -> np.ndarray:
    return np.random.default_rng(seed).choice(ENTRIES, shape)


def pair_for(task: Task, shape: tuple[int, int] = (16, 16)) -> CellPair:
    whole = picture(0, shape)
    return CellPair(whole if task in ("inpaint", "outpaint") else picture(1, shape), whole)


def test_masks_are_the_papers() -> None:
    middle = mask_of("inpaint", (16, 16))
    assert middle.sum() == 64 and middle[4:12, 4:12].all()
    lower = mask_of("outpaint", (16, 16))
    assert lower.sum() == 128 and lower[8:].all()
    assert all(mask_of(task, (16, 16)).all() for task in ("deblur", "rotate", "shift"))
    small = mask_of("inpaint", (8, 8))
    assert small.sum() == 16 and small[2:6, 2:6].all()


def test_the_papers_prompt_for_cells_before_a_gap() -> None:
    cells = np.arange(12).reshape(3, 4)
    pair = CellPair(cells, cells)
    settings = DenoisingSettings(num_before=3)
    assert prompt_parts("inpaint", cells.reshape(-1) + 50, [pair, pair], 5, 7, settings) == [
        "Learn a new language and predict 2 tokens following the examples. Input:",
        [2, 3, 4],
        ", output:",
        [5, 6],
        ". Input:",
        [2, 3, 4],
        ", output:",
        [5, 6],
        ". Input:",
        [52, 53, 54],
        ", output:",
    ]


def test_the_papers_prompt_for_damaged_cells_has_those_before_too() -> None:
    pair = CellPair(np.arange(12).reshape(3, 4) + 20, np.arange(12).reshape(3, 4))
    settings = DenoisingSettings(num_before=3)
    assert prompt_parts("deblur", np.arange(12) + 50, [pair], 5, 7, settings) == [
        "Learn a new language and predict 2 tokens following the examples. Input:",
        [22, 23, 24, 25, 26],
        ", output:",
        [5, 6],
        ". Input:",
        [52, 53, 54, 55, 56],
        ", output:",
    ]


def test_the_prompts_of_the_public_code() -> None:
    pair = CellPair(np.arange(40).reshape(5, 8) + 100, np.arange(40).reshape(5, 8))
    assert prompt_parts("rotate", np.arange(40) + 200, [pair], 20, 22, AS_THE_CODE) == [
        "Learning a new language and predict the 2 tokens following the examples.\n###\nInput: < ",
        [120, 121],
        " >\nOutput: ",
        [20, 21],
        "###\nInput: < ",
        [220, 221],
        " >\nOutput: ",
    ]
    parts = prompt_parts("outpaint", np.arange(40) + 200, [pair], 20, 22, AS_THE_CODE)
    assert parts[1] == list(range(4, 20)) and parts[-2] == list(range(204, 220))


def test_copies_are_replaced_by_the_papers_shares_on_both_sides_alike() -> None:
    pair = pair_for("deblur")
    copies = noisy_copies(pair, ENTRIES, seed=3)
    assert AS_THE_PAPER.rates == tuple(round(0.23 + 0.03 * n, 2) for n in range(10))
    assert AS_THE_CODE.rates == AS_THE_PAPER.rates[::-1]
    for copy, rate in zip(copies, AS_THE_PAPER.rates, strict=True):
        changed = (copy.damaged != pair.damaged) | (copy.whole != pair.whole)
        assert int(rate * 256) - 4 <= changed.sum() <= int(rate * 256)  # some by the same
        assert (copy.damaged[changed] == copy.whole[changed]).all()
        assert np.isin(copy.whole, ENTRIES).all()
    again = noisy_copies(pair, ENTRIES, seed=3)
    assert all((a.whole == b.whole).all() for a, b in zip(copies, again, strict=True))
    other = noisy_copies(pair, ENTRIES, seed=4)
    assert any((a.whole != b.whole).any() for a, b in zip(copies, other, strict=True))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("settings", [AS_THE_PAPER, AS_THE_CODE])
def test_a_model_that_copies_gives_the_picture_back(
    task: Task, settings: DenoisingSettings
) -> None:
    pair, model = pair_for(task), Copier()
    mask = mask_of(task, (16, 16))
    damaged = np.where(mask, 0, pair.damaged) if task in ("inpaint", "outpaint") else pair.damaged
    copies = noisy_copies(pair, ENTRIES, settings=settings)
    told: list[tuple[int, int]] = []
    found = denoise(
        model, damaged, task, copies, ENTRIES, settings=settings,
        progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert (found == pair.whole).mean() > 0.99  # where all copies differ, nobody knows
    assert (found[~mask] == pair.whole[~mask]).all()
    assert told[-1] == (mask.sum(), mask.sum()) and len(model.asked) == mask.sum() // 2
    assert {num for _, num, _ in model.asked} == {2}
    assert all((allowed is None) == (settings is AS_THE_CODE) for *_, allowed in model.asked)
    assert model.where == ({"first", "alone"} if settings is AS_THE_CODE else {"first", "inside"})


def test_predicted_cells_are_read_by_those_that_follow_and_nothing_else_of_the_gap() -> None:
    pair, model = pair_for("outpaint", (4, 4)), Copier()
    damaged = pair.whole.copy()
    damaged[2:] = 7  # none of the entries, and not read
    settings = DenoisingSettings(rates=(0.0,), num_before=4)
    denoise(model, damaged, "outpaint", noisy_copies(pair, ENTRIES, settings=settings), ENTRIES,
            settings=settings)  # fmt: skip
    last = model.asked[-1][0]
    assert 7 not in last and last[-5:-1] == pair.whole.reshape(-1)[10:14].tolist()


def test_a_gap_of_any_shape_is_filled_and_what_is_known_stays() -> None:
    pair, model = pair_for("inpaint", (5, 3)), Copier()
    mask = np.zeros((5, 3), dtype=bool)
    mask[0, 0] = mask[2, 1] = mask[4] = True
    settings = DenoisingSettings(num_predicted=2, rates=(0.0,))
    copies = noisy_copies(pair, ENTRIES, settings=settings)
    damaged = pair.whole.copy()
    found = denoise(model, np.where(mask, 0, damaged), "inpaint", copies, ENTRIES, mask=mask,
                    settings=settings)  # fmt: skip
    assert (found == pair.whole).all()
    assert [num for _, num, _ in model.asked] == [2, 2, 2, 1]
    assert (damaged == pair.whole).all()


def test_cells_of_other_pictures_may_be_the_examples() -> None:
    pair, model = pair_for("inpaint", (4, 4)), Copier()
    others = [CellPair(picture(seed, (4, 4)), picture(seed, (4, 4))) for seed in (5, 5, 6)]
    found = denoise(model, pair.damaged, "inpaint", others, ENTRIES)
    assert (found[1:3, 1:3] == others[0].whole[1:3, 1:3]).all()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"task": "sharpen"}, "'sharpen' is no way to denoise; expected one of inpaint, outpaint"),
        ({"damaged": np.arange(9)}, r"\(rows, columns\); found the shape \(9,\)"),
        ({"mask": np.ones((3, 3), bool)}, r"shape \(4, 4\), and others beside them \(3, 3\)"),
        ({"damaged": np.full((4, 4), 5)}, "The cell 5 is none of the 300 entries"),
        ({"entries": []}, "no entry that a cell may be"),
        ({"entries": [*ENTRIES, 2000]}, r"more than 2,000 tokens; copier has 2,000"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, object], match: str) -> None:
    pair = pair_for("deblur", (4, 4))
    given = {"damaged": pair.damaged, "task": "deblur", "examples": [pair], "entries": ENTRIES}
    with pytest.raises((InputError, MismatchError), match=match):
        denoise(Copier(), **{**given, **change})  # type: ignore[arg-type]


def test_settings_are_held() -> None:
    for wrong in ({"num_predicted": 0}, {"num_before": -1}, {"rates": (1.5,)}):
        with pytest.raises(InputError):
            DenoisingSettings(**wrong)  # type: ignore[arg-type]


def test_another_vocabulary_is_refused_by_what_its_tokens_say() -> None:
    require_vocabulary(Copier(), [101, 102], ["101", "102"])
    with pytest.raises(MismatchError, match=r"token 102 is 'dog' there and '▁102' here.*Llama 2"):
        require_vocabulary(Copier(), [101, 102], ["101", "dog"])


def test_a_server_has_no_tokens_to_go_on_with() -> None:
    class Server:
        name = "llama"

        def log_probabilities(self, prompt: str, continuations: Sequence[str]) -> list[float]:
            return []

        def continue_text(self, prompt: str, stop: Sequence[str]) -> str:
            return ""

    with pytest.raises(InputError, match="llama of a server takes texts only"):
        require_token_model(Server())


def test_a_tiny_model_of_transformers_predicts_entries_only(tiny_lm_folder: Path) -> None:
    torch = pytest.importorskip("torch", reason="needs torch: pip install 'lexret[train]'")
    from lexret.telling.transformers_model import TransformersModel

    model = TransformersModel(str(tiny_lm_folder), device="cpu")
    entries = np.arange(10, 60)
    pair = CellPair(*(np.random.default_rng(n).choice(entries, (4, 4)) for n in (0, 1)))
    copies = noisy_copies(pair, entries)[:2]
    settings = DenoisingSettings(num_before=2)
    found = denoise(model, pair.damaged, "deblur", copies, entries, settings=settings)
    assert np.isin(found, entries).all()
    # The likeliest of the entries, by hand.
    parts = prompt_parts("deblur", pair.damaged.reshape(-1), copies, 0, 2, settings)
    ids: list[int] = []
    for n, part in enumerate(parts):
        ids += model.token_ids(part, where="inside" if n else "first") if isinstance(part, str) \
            else part  # fmt: skip
    for cell in found.reshape(-1)[:2].tolist():
        with torch.inference_mode():
            logits_V = model._model(input_ids=torch.tensor([ids])).logits[0, -1]
        assert cell == entries[int(logits_V[torch.from_numpy(entries)].argmax())]
        ids.append(cell)
    with pytest.raises(InputError, match=r"more are to follow.*fewer examples"):
        denoise(model, pair.damaged, "deblur", copies * 40, entries, settings=settings)


def test_texts_inside_a_prompt_get_no_blank_of_their_own(tiny_lm_folder: Path) -> None:
    pytest.importorskip("torch", reason="needs torch: pip install 'lexret[train]'")
    from lexret.telling.transformers_model import TransformersModel

    model = TransformersModel(str(tiny_lm_folder), device="cpu")
    for text in (", output:", ". Input:"):
        ids = model.token_ids(text, where="inside")
        assert model._tokenizer.decode(ids) == text
        assert model.pieces(ids)[0] == text[0]
