"""The words that the tiny student is taught: plain English by kind, and names that nobody has."""

from __future__ import annotations

import random


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


JOBS = _words("""
actor architect artist author baker barber biologist boatman bookseller botanist builder butcher captain
carpenter chemist clerk clockmaker composer cook dancer dentist designer director doctor driver editor engineer
explorer farmer fisherman gardener geologist glazier governor guard guide hunter inspector inventor investor
jeweller joiner journalist judge king lawyer librarian manager mason mayor mechanic merchant messenger miller
miner minister monk musician nurse officer owner painter pharmacist photographer physicist pilot plumber poet
porter potter president priest printer professor prince queen sailor scholar scientist sculptor secretary
shepherd singer smith soldier student surgeon tailor teacher trader traveller visitor waiter watchman weaver
worker writer
""")
ANIMALS = _words("""
ant bat bear beaver bee bird buffalo butterfly camel cat cow crab crane crow deer dog dolphin donkey duck eagle
elephant falcon fish fox frog goat goose gull hare hawk hedgehog hen heron horse lamb lion lizard lynx mole
monkey mouse octopus otter owl ox parrot pig pigeon rabbit raven salmon seal shark sheep snail snake sparrow
spider squirrel stork swallow swan tiger trout turtle whale wolf worm zebra
""")
THINGS = _words("""
anchor apple arrow axe bag ball barrel basket battery bed bell belt bicycle blanket boat bone book boot bottle
bowl box branch bread brick brush bucket button cable cake camera candle car card carpet cart chain chair
chassis chest chimney clock cloth coat coin compass computer crown cup curtain desk diary dish door drawer dress
drum engine envelope fence film flag flower flute fork frame fruit fuel gate gearbox gift glass glove hammer
handle harp hat hinge hook horn jacket jar jewel key kite kitchen knife ladder lamp leaf lens letter lock
machine magnet map mask mast medal metal mill mirror model motor nail necklace needle nest net newspaper oar
oven page paint painting pan panel paper part pen pencil piano picture pillow pipe plank plant plate plough
pocket pot prototype pump purse radio raft rail ring robe rocket roof rope ruler sack saddle sail saw scale
scarf screen screw seat seed sequel shell shelf shield ship shirt shoe shovel signal sketch sledge spade spoon
spring stamp statue stick stone stove string sword table tank tape telescope tent thread ticket tile tool torch
towel toy train tray tree trumpet tunnel umbrella valve van vase vessel violin wagon wall watch wheel whistle
window wing wire
""")
PLACES = _words("""
airport bank bay beach border bridge camp canal capital castle cave cellar church city clinic coast college
company corner country county court desert district factory farm field forest fort fountain garden government
hall harbour hill hospital hotel house hut inn island kingdom lake laboratory library lighthouse market meadow
mine monastery mountain museum office orchard palace park path peninsula plain port prison province quarry
region river road school sea shop shore square station store street studio temple theatre tower town university
valley village waterfall workshop yard
""")
MATERIALS = _words("""
aluminium amber bamboo brass bronze cedar chalk clay coal concrete copper cork cotton glass gold granite iron
ivory lead leather linen marble nickel oak paper pine plastic rubber salt sand silk silver slate steel stone
straw tin titanium wax willow wood wool zinc
""")
COLOURS = _words("""
black blue brown golden green grey orange pink purple red scarlet silver turquoise violet white yellow
""")
QUALITIES = _words("""
ancient automatic bad beautiful big bitter brave bright broad broken careful cheap clean clear clever cold
common cool curious dark dear deep different difficult dirty dry early easy empty equal expensive faint famous
fast final fine flat foreign free fresh friendly full gentle good grand great happy hard heavy high hollow
honest hot huge important kind large last late lazy light little local long loud low lucky modern narrow near
new nice noble northern odd old open painted patient plain poor popular pretty private proud public quick quiet
rare raw ready real remaining rich ripe rough round royal sad safe serious shallow sharp short silent simple
slow small smooth soft southern special square stainless steep straight strange strong sudden sweet tall thick
thin tired tiny true usual warm weak western wet whole wide wild wise young
""")
DEEDS = _words("""
admired advertised bought borrowed broke brought built called carried carved caught changed chose cleaned closed
collected compared copied counted covered crossed cut described designed developed directed discovered dropped
drew drove employed examined exchanged explained filled finished followed forgot found founded fixed gave
guarded heard held hid imported improved inspected invented kept knew left lent lifted liked lost loved made
measured mended met missed moved named needed noticed offered opened ordered owned painted placed planned
planted plated praised produced pulled pushed reached read received recorded remembered removed repaired
replaced reworked saved saw sent shaped showed signed sold stole studied took taught tested thought told touched
turned used visited wanted washed watched weighed won wrote
""")
ADVERBS = _words("""
again alone already always badly carefully clearly early easily exactly finally gladly hardly here kindly late
loudly mostly nearly never often once perhaps quickly quietly rarely really recently seldom slowly sometimes
soon still suddenly there today together twice upwards usually well yesterday
""")
LINKS = _words("""
about above across after against along among around as at because before behind below beneath beside between
beyond but by down during except for from if in into like near of off on or out over past since so than though
through throughout to toward under until up upon when whether while with within without
""")
SMALL_WORDS = _words("""
all also am and another any are been being both can could did do does each either else every few first had has
have he her hers him his how it its just less many may me might more most much must my neither no none not
nothing now only other our own same several shall she should some someone something such that their them then
these they this those too us very was we were what where which who whom whose why will would yes yet you your
""")
NOTIONS = _words("""
age air amount answer area art autumn beginning birth body breath business cause century chance change child
children choice circle class cloud colour corner cost count custom date danger day death depth description
difference direction distance dollar dream duty earth east edge effect end energy evening event example
experience eye face fact fame family father fear feeling fire foot friend front gap group half hand head heart
heat height history horsepower hour hundred idea ice illness industry interest inventor journey joy kilogram
kilometre kind language law length level life light line list litre loss love luck matter meaning meeting member
metre mile million millimetre mind minute mistake moment money month moon morning mother mouth music name nation
nature night noise north number opinion order pair peace people person piece place pleasure point pound power
present price prize problem public purpose quality question rain reason report rest result rhyme room rule salt
science sea season second sense sentence service shadow shape side sight sign size skill sky sleep snow sound
south space speed spring star state step storm story summer sun surface taste team test text thousand time today
top town trade travel trip truth type use value version view voice war water way week weight west wheelbase wind
winter wish wonder word work world year youth
""")
MONTHS = _words("""
January February March April May June July August September October November December
""")
COUNTRIES = _words("""
Africa America Argentina Asia Australia Austria Belgium Brazil Britain Bulgaria Canada Chile China Croatia
Denmark Egypt England Estonia Ethiopia Europe Finland France Germany Greece Hungary Iceland India Indonesia
Ireland Italy Japan Kenya Korea Latvia Mexico Morocco Netherlands Nigeria Norway Peru Poland Portugal Romania
Russia Scotland Serbia Spain Sweden Switzerland Turkey Ukraine Wales American British European French German
Greek Italian Latin Northern Southern United Kingdom States National
""")
NUMBER_WORDS = _words("""
one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand
""")

_SHORT_WORD = 8  # letters

EVERYTHING = (
    *(*JOBS, *ANIMALS, *THINGS, *PLACES, *MATERIALS, *COLOURS, *QUALITIES, *DEEDS, *ADVERBS),
    *(*LINKS, *SMALL_WORDS, *NOTIONS, *MONTHS, *COUNTRIES, *NUMBER_WORDS),
)

_STARTS = _words("""
A Al B Ba Be Br C Ca Ch Cl D De Do Dr E El F Fa Fl G Ga Gr H Ha Ho I Il J Jo K Ka Kr L La M Ma Mi N Na O Od P Pe Pl
Qu R Ro S Sa Si Sk St T Ta Th Tr U Ul V Va W Wi Y Z
""")
_VOWELS = _words("""
a e i o u a e o ai au ea ee ia io ou y
""")
_MIDDLES = _words("""
b d f g k l m n p r s t v z br ch dr ft gg ld ll lm lt mb nd nk nt rd rg rm rn rt ss st th tt
""")
_PERSON_ENDS = _words("""
a an ar e el en er ian in is o on or us y ert olf win ley
""")
_PLACE_ENDS = _words("""
berg borough burg by dale den field ford ham haven holm ia land mouth ow port stad ton um wick
""")


def person(chance: random.Random) -> str:
    """Return the name of a person whom nobody knows."""
    return f"{_name(chance, _PERSON_ENDS)} {_name(chance, _PERSON_ENDS)}"


def place(chance: random.Random) -> str:
    """Return the name of a place that is on no map."""
    return _name(chance, _PLACE_ENDS)


def coined(chance: random.Random) -> str:
    """Return a name of one word, for whatever needs one."""
    return _name(chance, _PERSON_ENDS if chance.random() < 0.7 else _PLACE_ENDS)


def _name(chance: random.Random, ends: tuple[str, ...]) -> str:
    throw = chance.random()
    if throw < 0.2:  # names that are words, such as Hill or Summerton
        word = chance.choice(_IN_NAMES).capitalize()
        return word if chance.random() < 0.4 else word + chance.choice(ends)
    middle = chance.choice(_MIDDLES) if throw < 0.84 else ""
    between = chance.choice(_VOWELS) + middle if middle else chance.choice("aeiou") + chance.choice("lmnrst")
    end = (
        chance.choice(_VOWELS) + chance.choice(_MIDDLES) + chance.choice(ends)
        if throw > 0.92
        else chance.choice(ends)
    )
    start = chance.choice(_STARTS)
    return (start + between if start[-1] not in "aeiou" else start + middle) + end


_IN_NAMES = [
    word for word in (*ANIMALS, *THINGS, *PLACES, *MATERIALS, *QUALITIES, *NOTIONS) if len(word) < _SHORT_WORD
]
