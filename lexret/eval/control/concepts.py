"""Concepts: things to ask for, and which pictures show them by their captions or masks.

A concept is a name and the words that mean it. A picture shows it if a caption holds one of the
words (in either number), or its mask one of the names. A picture may show what no caption mentions:
by captions, "absent" means "not worth mentioning to any of the people who described it".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from lexret.errors import InputError
from lexret.eval.patches.masks import MaskedImages, spoken
from lexret.vocabulary import number_free, tokenize

Shown = npt.NDArray[np.bool_]

# One concept a line: the name that a query uses, then further words that say the same or a kind.
_TABLE: Final = """
dog: puppy terrier hound collie retriever poodle
cat: kitten kitty
horse: pony stallion mare foal
cow: cattle bull calf ox
sheep: lamb
elephant:
bear:
zebra:
giraffe:
bird: duck seagull parrot owl pigeon goose eagle swan pelican rooster chicken
monkey:
rabbit: bunny
fish:
man: men gentleman guy
woman: women lady
child: kid boy girl toddler baby children
bicycle: bike bicyclist cyclist
motorcycle: motorbike motorcyclist
car: automobile sedan taxi suv minivan
bus:
train: locomotive
truck: pickup lorry
boat: ship canoe kayak sailboat raft ferry
airplane: plane jet aircraft
helicopter:
skateboard: skateboarder skateboarding
snowboard: snowboarder snowboarding
ski: skier skiing
surfboard: surfer surfing
kite:
frisbee:
ball: football basketball baseball volleyball
racket: racquet
umbrella: parasol
backpack: rucksack
suitcase: luggage
hat: cap helmet
tie: necktie
glasses: sunglasses eyeglasses
bench:
chair: armchair stool
couch: sofa
bed:
table: desk
television: tv
laptop:
computer: pc
phone: cellphone telephone smartphone
camera:
book:
clock:
vase:
bottle:
cup: mug
glass: wineglass
bowl:
plate: dish
knife:
fork:
spoon:
pizza:
sandwich: burger hamburger
cake: cupcake
donut: doughnut
banana:
apple:
orange:
broccoli:
carrot:
salad:
coffee:
toilet:
sink:
refrigerator: fridge
oven: stove microwave
mirror:
window:
door:
lamp: light
flower: rose tulip daisy
tree: palm
grass: lawn
snow: snowy
beach: shore
ocean: sea
river: stream creek
lake: pond
mountain: hill
rock: boulder
road: street
bridge:
building: skyscraper
church:
tower:
fence:
sign:
flag:
fountain: waterfall
fire: campfire flame bonfire
guitar:
piano:
drum:
tent:
swing:
slide:
trampoline:
pool:
toy: teddy
balloon:
candle:
newspaper: magazine
rope:
ladder:
sword:
castle:
penguin:
tiger: lion
camel:
dolphin: whale
snake:
spider:
butterfly:
"""


@dataclass(frozen=True, slots=True)
class Concept:
    """Concept: a thing to ask for.

    Attributes:
        name: as queries spell it.
        words: keys without number of the words that mean it, the name's among them.
    """

    name: str
    words: frozenset[str]


def caption_concepts() -> tuple[Concept, ...]:
    """Return the concepts that captions are searched for."""
    found = []
    for line in _TABLE.strip().splitlines():
        name, _, further = line.partition(":")
        words = frozenset(number_free(word) for word in (name, *further.split()))
        found.append(Concept(name, words))
    return tuple(found)


@dataclass(frozen=True, eq=False)
class Inventory:
    """Inventory of what pictures show.

    Attributes:
        names: C concepts.
        shown_CI: whether a picture shows a concept.
    """

    names: tuple[str, ...]
    shown_CI: Shown

    @classmethod
    def of_captions(
        cls, captions: Iterable[Sequence[str]], concepts: Sequence[Concept] | None = None
    ) -> Inventory:
        """Look for concepts in the captions of each picture.

        Raises:
            InputError: if there is no picture.
        """
        concepts = caption_concepts() if concepts is None else concepts
        said = [
            {number_free(word) for text in texts for word in tokenize(text)} for texts in captions
        ]
        if not said:
            raise InputError("There are no pictures with captions.")
        shown = [[not words.isdisjoint(concept.words) for words in said] for concept in concepts]
        return cls(tuple(concept.name for concept in concepts), np.array(shown, dtype=bool))

    @classmethod
    def of_masks(cls, pictures: MaskedImages) -> Inventory:
        """Take what the masks show; classes whose names sound alike are one."""
        spoken_names = [spoken(name) for name in pictures.names]
        names = tuple(dict.fromkeys(spoken_names))
        place = {name: c for c, name in enumerate(names)}
        shown_CI = np.zeros((len(names), len(pictures.items)), dtype=bool)
        for i in range(len(pictures.items)):
            for k in np.unique(pictures.mask(i)):
                if k >= 0:
                    shown_CI[place[spoken_names[k]], i] = True
        return cls(names, shown_CI)

    def pairs(self, *, min_both: int, min_first_only: int, max_pairs: int) -> list[tuple[int, int]]:
        """Return pairs (X, Y) that go together, most often relative to chance first.

        Args:
            min_both: pictures that show both.
            min_first_only: pictures that show X and not Y.
            max_pairs: at most so many.
        """
        counts_CC = self.shown_CI.astype(np.int64) @ self.shown_CI.T.astype(np.int64)
        alone_C = np.diag(counts_CC)
        chance_CC = np.outer(alone_C, alone_C) / max(1, self.shown_CI.shape[1])
        wanted = (counts_CC >= min_both) & (alone_C[:, None] - counts_CC >= min_first_only)
        np.fill_diagonal(wanted, False)
        xs, ys = np.nonzero(wanted)
        lift = counts_CC[xs, ys] / np.maximum(chance_CC[xs, ys], 1e-9)
        order = np.lexsort((ys, xs, -lift))[:max_pairs]
        return [(int(xs[p]), int(ys[p])) for p in order]
