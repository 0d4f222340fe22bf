"""The prompts are those of the paper, letter by letter."""

from __future__ import annotations

from lexret.telling.prompts import Sample, answer_prompt, caption_prompt, label_prompt

BULLDOG, BEAUTY = Sample("dog, pet", "French bulldog"), Sample("fish, reef", "Rock beauty")


def test_n_way_k_shot_classification() -> None:
    assert label_prompt("coral, fish", ["French bulldog", "Rock beauty"], [BULLDOG, BEAUTY]) == (
        "For each of the following input-output pairs, output is one of "
        '["French bulldog", "Rock beauty"]. '
        "Input: dog, pet, output: French bulldog. "
        "Input: fish, reef, output: Rock beauty. "
        "Input: coral, fish, output:"
    )


def test_repetitions_say_each_sample_again() -> None:
    prompt = label_prompt("coral", ["A", "B"], [BULLDOG], repetitions=2)
    assert prompt.count("Input: dog, pet, output: French bulldog. ") == 3


def test_caption() -> None:
    samples = [Sample("dog, beach, sea", "A dog runs on the beach.")]
    assert caption_prompt("cat, sofa", samples) == (
        "Generate a caption sentence based on words describing an image. "
        "Input: dog, beach, sea, output: A dog runs on the beach. "
        "Input: cat, sofa, output:"
    )
    assert caption_prompt("cat, sofa", []) == (
        "Generate a caption sentence based on words describing an image. Input: cat, sofa, output:"
    )


def test_visual_question_answering() -> None:
    samples = [Sample("dog, beach", "sand", "what is the dog on")]
    assert answer_prompt("cat, sofa", "what animal is it", samples) == (
        "Answer the question with a single word based on the condition. "
        "Condition: dog, beach. Question: what is the dog on. Answer: sand. "
        "Condition: cat, sofa. Question: what animal is it. Answer:"
    )
