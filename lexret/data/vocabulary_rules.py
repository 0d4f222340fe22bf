"""The word lists of the default vocabulary's rule: data, with the reason for each list.

Everything that can be derived is derived in :mod:`lexret.data.vocabulary_builder`; a word stands
here only where neither WordNet nor a frequency list can tell.
"""

from __future__ import annotations

from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Function words say how a sentence is built, not what a picture shows. Words of place that a
# picture does show (inside, outside, near, under, behind, above, front, back, top, bottom)
# and the numbers from one to twelve are not among them.
STOP_WORDS: Final = _words(
    # articles, determiners, quantifiers
    "a an the this that these those each every either neither some any no all both such own same "
    "other others another many much more most less least few several enough half lot lots bit "
    # pronouns
    "i me my mine myself we us our ours ourselves you your yours yourself yourselves he him his "
    "himself she her hers herself it its itself they them their theirs themselves one's who whom "
    "whose which what whatever whoever whichever someone somebody something anyone anybody "
    "anything everyone everybody everything nobody nothing none thee thou thy thine ye "
    # auxiliaries and their forms
    "am is are was were be been being do does did done doing have has had having will would shall "
    "should can could may might must ought cannot gonna gotta wanna dont cant didnt doesnt isnt "
    "wasnt wont "
    # prepositions
    "of to in on at by for with from into onto upon about as than per via till until since during "
    "among amongst amid despite except toward towards within without concerning regarding unto "
    # particles and verbs that carry no content of their own
    "up down out off over through around along across away like get gets getting got gotten make "
    "makes making made go goes going gone went take takes taking took taken come comes coming came "
    "put puts putting let lets letting use uses using used seem seems seemed seeming become "
    "becomes becoming became keep keeps keeping kept give gives giving gave given "
    "say says saying said know knows knowing knew known want wants wanting wanted need needs "
    "needing needed "
    # conjunctions
    "and or but nor so yet if because though although while whilst whereas unless whether when "
    "whenever where wherever why how "
    # adverbs without content of their own
    "also too very just only even ever never not quite rather really still then thus hence "
    "therefore however else already again almost always often sometimes maybe perhaps here there "
    "now anyway indeed instead moreover furthermore nevertheless nonetheless otherwise somehow "
    "somewhat thereby therein thereof thereafter hereby herein whereby wherein hither thither "
    # what is left of a contraction after its apostrophe is taken out
    "don ll ve re didn doesn isn wasn aren weren hasn haven hadn couldn wouldn shouldn mustn needn "
    "ain shan em til cos cuz ol "
    # French, Spanish, German and Latin particles that WordNet knows in another meaning
    "le la les de des del el los las san von et al etc una por que con das dat der den "
    # scraps of the web
    "tho imo www http html url ins res"
)

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

# WordNet marks most slurs and obscenities (see `vocabulary_builder`). These it does not mark, or
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
