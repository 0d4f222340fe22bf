"""Word lists of the default vocabulary's rule: data, with the reason for each list.

Everything that can be derived is derived in :mod:`lexret.vocabularies.frequent_words`; a word is
listed here only if neither WordNet nor a frequency list can decide.
"""

from __future__ import annotations

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _phrases(text: str) -> frozenset[str]:
    return frozenset(phrase.strip() for phrase in text.split(","))


# Prepositions of place that WordNet, which has no prepositions, does not know as adverbs.
PLACE_WORDS: Final = _words("against beside atop alongside beneath underneath amidst")

# Nearly every other word of two letters in WordNet is an abbreviation or a chemical symbol.
TWO_LETTER_WORDS: Final = _words("tv ox pi ax dj cd pc id")

# Abbreviations of things that can be seen; the others (GDP, EPA, MPs) are left out.
KEPT_ABBREVIATIONS: Final = _words(
    "tv cd pc dj dvd dvds gps atm atms suv suvs atv atvs ufo ufos lcd mri dna usa bmx nba nfl ipod "
    "zen jew xmas"
)

# Names of kinds of things that WordNet lists as the name of one thing, or not at all.
KEPT_NAMES: Final = _words(
    "christmas halloween easter thanksgiving hanukkah santa lego legos frisbee frisbees american "
    "asian african european english chinese japanese indian mexican french german italian spanish "
    "british irish scottish russian korean thai turkish greek hispanic arab jesus buddha"
)

# Common in descriptions of pictures and younger than WordNet 3.0 (2006), or missing from it.
MODERN_WORDS: Final = _words(
    "selfie selfies smartphone smartphones hoodie hoodies skateboarder skateboarders "
    "skateboarding skateboards snowboarder snowboarders snowboarding snowboards wakeboard "
    "wakeboarder wakeboarding kickboxing rollerblade rollerblades rollerblading kiteboarding "
    "parkour zipline pickup backyard emoji drone drones laptop laptops scooters motocross "
    "dirtbike smoothie smoothies latte barista cosplay anime manga karaoke superhero superheroes "
    "midair closeup headfirst multicolored multicoloured"
)

# WordNet marks most slurs and obscenities (see `frequent_words`). These it does not mark, or
# not in the first sense, though that is how they are mostly used.
UNWANTED_WORDS: Final = _words(
    "ass asses arse bitch bitches bitching bitchy cum cunt cunts dick dicks goddamn hooker hookers "
    "nazi nazis pussy pussies slut sluts slutty tit tits titty titties whore whores porn porno "
    "pornographic pornography wank wanker wankers wanking twat bugger boob boobs retard retards "
    "retarded gook gooks spic spics coon coons negro negroes gypsy gypsies tranny kraut krauts "
    "darky darkie squaw cripple cripples jackass dumbass boner boners blowjob dildo dildos "
    "masturbate masturbating masturbation orgasm orgasms anal erotic milf rape raped rapes raping "
    "rapist rapists piss pissed pisses screwed jizz fucked fucker fuckers shitty shitting"
)

# WordNet's first sense is marked as offensive, yet the word mostly means something harmless.
HARMLESS_WORDS: Final = _words(
    "taco tacos tom jerry mickey paddy paddies dike dikes craps throwaway oriental"
)

# A phrase that begins with one of these describes a thing that its last word names already ("young
# girl", "blue shirt", "two dogs"), unless it is the name of a class of pictures ("brown bear").
DESCRIBING_WORDS: Final = _words(
    # size, age, state, worth
    "small little big large tall short long high low old young new little tiny huge giant middle "
    "wide narrow deep shallow thick thin heavy light dark bright pale clear dry wet cold hot warm "
    "fresh clean dirty empty full open good bad nice beautiful pretty cute happy sad funny great "
    "rich poor strong weak fast slow hard soft rough smooth flat steep busy crowded sunny cloudy "
    "snowy rocky sandy grassy muddy wooded wooden male female adult famous important common real "
    "different various several single double first last second third next main front back left "
    "right top bottom inside outside upper lower near far lone "
    # colours, patterns
    "red blue green yellow orange purple pink brown black white grey gray tan blond blonde golden "
    "silver colorful colored striped plaid multicolored camouflage "
    # numbers
    "one two three four five six seven eight nine ten eleven twelve number"
)

# Names of COCO's 80 classes (Lin et al. 2014, arXiv 1405.0312) that are phrases.
COCO_CLASS_PHRASES: Final = _phrases(
    "traffic light, fire hydrant, stop sign, parking meter, baseball bat, baseball glove, "
    "tennis racket, wine glass, hot dog, potted plant, dining table, cell phone, teddy bear, "
    "hair dryer"
)

# What ends with one of these is a heading of a catalogue rather than what people call a thing.
GENERIC_HEADS: Final = _words(
    "system implement equipment device facility mechanism instrument apparel covering compartment "
    "storage space recording display furniture parasite plant line security machinery circuit"
)

# Common in descriptions of pictures, and younger than WordNet 3.0 (2006) or missing from it, or
# ending with a word that is otherwise a function word.
MODERN_PHRASES: Final = _phrases(
    "swim trunks, stuffed animal, skate park, monkey bars, jet ski, food truck, red panda, blue "
    "jay, high heels, high chair, hot tub, white wine, cell phone, video camera, flat screen, "
    "game controller, paper towel, bean bag, boogie board, snow pants, ski goggles, swim goggles, "
    "knit cap, chain link fence, picnic table, fire truck, school bus, double decker bus, ferris "
    "wheel, water slide, wind turbine, solar panel, street light, stop light, parking lot, "
    "parking garage, board game, rubber duck, yoga mat, baby stroller, selfie stick, swing set, "
    "hot chocolate, french fries, ice cube, fried egg, bird house, bird feeder, dog house, dog "
    "leash, cutting board, frying pan, bumper car, tire swing, jack russell terrier, face paint, "
    "train tracks, bubble wrap, fire hydrant, mountain biker"
)

# Names and definitions that pass the rules and that nobody would look for.
UNWANTED_PHRASES: Final = _phrases(
    # verbs that look like nouns
    "climber scales, blows bubbles, blow bubbles, look alike, red hot, two piece, knee high, four "
    "poster, goalie blocks, players try, bird grazes, "
    # kinds of kinds, parts and trades
    "wheeled vehicle, metal bar, diving duck, eating apple, cooking apple, rotating shaft, "
    "finishing coat, salad green, basket star, malaria mosquito, textile machine, book binding, "
    "friction clutch, table mustard, edible snail, leather strip, landing field, farm machine, "
    "flying bird, spinning machine, drinking vessel, knife blade, wing tip, game fish, sport "
    "fish, computer memory, defense laboratory, printed circuit, combination salad, laser guided "
    "bomb, character printer, impact printer, atom bomb, hydrogen bomb, band members, "
    # names that hardly anybody uses
    "gnu goat, racing shell, electrical switch, electric switch, automated teller, automatic "
    "teller, man eating shark, king of beasts, internet site, hand blower, hair slide, beach "
    "wagon, studio couch, dial telephone, solar dish, rock beauty, thunder snake, wood rabbit, "
    "worm fence, head cabbage, french loaf, ice bear, trucking rig, sun blocker, bell cote, r v, "
    "model t, p a system, meat market, punch bag, walker hound, mud puppy, coral fungus, african "
    "grey, tailed frog, cellular telephone, maltese dog, japanese spaniel, eskimo dog, hard disc, "
    "club head, house trailer, sleeping room, kitchen range, fire iron, candy kiss, measuring "
    "worm, carpet moth, ark shell, sea pen, kid glove, high bar, toy dog, suit of clothes, "
    "egyptian cat, "
    # what captions mean by it is something else
    "riding horse, coat stand, white house, yellow jacket, reddish brown, oklahoma university, "
    "bell cot, television system, loudspeaker system, custard apple, horizontal bar"
)
