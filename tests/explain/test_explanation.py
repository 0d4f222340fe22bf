from typing import Any

import numpy as np
import pytest
from PIL import Image

from lexret.encoders.protocol import PatchEncoding, PatchGrid
from lexret.errors import InputError, MismatchError
from lexret.explain.explanation import TextQuery, explain_hit, explain_picture
from lexret.explain.explanation_json import from_json, to_json
from lexret.explain.patches.regions import vector_of
from lexret.sparse import SparseBatch, WordWeight
from lexret.vocabulary import Vocabulary


def text(words: dict[str, float], vocabulary: Vocabulary, *, says: str = "a text") -> TextQuery:
    return TextQuery(says, SparseBatch.from_words([words], vocabulary).row(0))


def test_words_come_with_weight_winning_patch_and_heat(photo: Image.Image, encoder: Any) -> None:
    explanation = explain_picture(photo, encoder, name="a.png")
    dog, sky = explanation.words[:2]
    assert (dog.word, dog.weight, dog.place) == ("dog", 0.75, (1, 1))
    assert dog.heat == ((0, 0, 0, 0), (0.125, 0.75, 0.25, 0))
    assert (sky.word, sky.weight, sky.place) == ("sky", 0.5, (0, 0))
    assert [one.word for one in explanation.words] == ["dog", "sky", "ball", "grass", "red"]
    assert (explanation.width, explanation.height) == (400, 200)
    assert explanation.grid == PatchGrid(2, 4)
    assert explanation.model_id == "handmade-0123456789ab"
    assert explanation.hit is None


def test_the_telling_patches_are_the_default(photo: Image.Image, encoder: Any) -> None:
    first, second = explain_picture(photo, encoder).regions
    assert (first.number, first.name, first.places) == (1, "patch-1-1", ((1, 1),))
    assert first.region.kind == "telling"
    assert first.region.box == (100, 100, 200, 200)
    assert first.words == (WordWeight("dog", 0.75), WordWeight("grass", 0.125))
    assert (second.number, second.name) == (2, "patch-0-3")


def test_chosen_patches_and_boxes_take_their_place(photo: Image.Image, encoder: Any) -> None:
    boxes = [(0, 0, 200, 100), (200, 0, 400, 200)]
    regions = explain_picture(photo, encoder, patches=[(1, 3), (1, 3)], boxes=boxes).regions
    assert [one.name for one in regions] == ["patch-1-3", "box", "box-2"]
    assert [one.number for one in regions] == [1, 2, 3]
    assert regions[1].places == ((0, 0), (0, 1))
    assert regions[1].words == (WordWeight("sky", 0.5), WordWeight("hidden", 0.0625))
    assert regions[2].region.patches == (2, 3, 6, 7)


def test_boxes_are_measured_in_the_whole_picture(photo: Image.Image, encoder: Any) -> None:
    box = (0, 0, 4000, 2000)
    (region,) = explain_picture(photo, encoder, size=(4000, 2000), boxes=[box]).regions
    assert len(region.places) == 8


def test_a_region_that_says_nothing_is_kept_without_words(photo: Image.Image, encoder: Any) -> None:
    (region,) = explain_picture(photo, encoder, patches=[(0, 2)]).regions
    assert region.words == ()


def test_only_the_strongest_words_are_kept(photo: Image.Image, encoder: Any) -> None:
    explanation = explain_picture(photo, encoder, num_words=2)
    assert [one.word for one in explanation.words] == ["dog", "sky"]
    assert all(len(one.words) <= 2 for one in explanation.regions)


def test_words_come_surest_first_and_those_below_their_level_are_not_held(
    photo: Image.Image, encoder: Any
) -> None:
    # sky, dog, ball, grass, red, hidden: weights 0.5, 0.75, 0.375, 0.25, 0.25
    levels_V = np.array([0.04, 0.8, 0.25, 0.3, 0.25, 0.1], np.float32)
    explanation = explain_picture(photo, encoder, num_words=3, levels_V=levels_V)
    assert [one.word for one in explanation.words] == ["sky", "dog", "ball"]
    assert explanation.held == {"sky", "ball", "red"}
    asked = [WordWeight("dog", 0.75), WordWeight("sky", 0.5), WordWeight("hidden", 0.1)]
    assert explanation.unheld(asked) == {"dog", "hidden"}
    assert from_json(to_json(explanation)) == explanation


def test_without_levels_every_word_counts(photo: Image.Image, encoder: Any) -> None:
    explanation = explain_picture(photo, encoder)
    assert explanation.held is None
    assert not explanation.unheld([WordWeight("hidden", 0.1)])


def test_a_picture_without_words_is_refused(photo: Image.Image, silent_encoder: Any) -> None:
    with pytest.raises(InputError, match=r"finds no word in blank\.png"):
        explain_picture(photo, silent_encoder, name="blank.png")


def test_a_hit_s_products_add_up_and_tell_where(encoding: PatchEncoding, words: Vocabulary) -> None:
    hit = explain_hit(text({"dog": 0.5, "red": 0.75, "hidden": 0.25}, words), encoding)
    shown = [(one.contribution.word, one.contribution.product, one.place) for one in hit.matched]
    assert shown == [("dog", 0.375, (1, 1)), ("red", 0.1875, (0, 3))]
    assert hit.matched[1].heat == ((0, 0, 0, 0.25), (0, 0, 0, 0.125))
    assert hit.score == 0.5625
    assert hit.missing == (WordWeight("hidden", 0.25),)


def test_a_text_that_shares_nothing_scores_zero(encoding: PatchEncoding, words: Vocabulary) -> None:
    hit = explain_hit(text({"hidden": 1.0}, words), encoding)
    assert (hit.score, hit.matched, len(hit.missing)) == (0, (), 1)


def test_a_text_of_another_vocabulary_is_refused(encoding: PatchEncoding) -> None:
    with pytest.raises(MismatchError):
        explain_hit(text({"dog": 1.0}, Vocabulary(["dog"])), encoding)


def test_the_telling_patches_hold_what_they_say(
    photo: Image.Image, encoder: Any, encoding: PatchEncoding
) -> None:
    for one in explain_picture(photo, encoder).regions:
        assert one.words == tuple(vector_of(encoding, one.region.patches).words())
