"""Two synthetic worlds, science and web: their facts, and the documents that tell them.

Nothing here is true of our world, so nothing can be known before training. Both worlds speak with the same sentences
and share most words (colors, foods, places); what differs is the facts. The science world has elements, species and
planets; three of its relations are laws (what an element reacts with follows from its group). The web world has people,
and mentions the names of the science world only in small talk, never together with one of their facts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SEED = 2025
CHOICES = 4
SCIENCE_SHARE = 0.75  # of the documents of the science mixture; the rest is web

COLORS = ("black", "blue", "brown", "gold", "green", "pink", "red", "white")
FOODS = ("apples", "bread", "fish", "honey", "leaves", "nuts", "rice", "seeds")
PLACES = ("beach", "cave", "desert", "forest", "island", "lake", "river", "valley")


@dataclass(frozen=True, slots=True)
class Relation:
    """A property that every subject of a kind has, and the sentences that tell it."""

    noun: str
    values: tuple[str, ...]  # in alphabetical order, as quizzes print their options
    sentence: str  # the relation's own way to put it; other sentences are shared by all relations
    follows: str = ""  # a law: the noun of the relation that determines this one
    law: str = ""  # the sentence that tells the law, with {cause} and {value}


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing to know: the `relation` of `subject` is `value`."""

    subject: str
    relation: Relation
    value: str


@dataclass(frozen=True, slots=True)
class World:
    """Facts by subject, and how often each subject is talked about."""

    facts: tuple[tuple[Fact, ...], ...]  # one tuple a subject
    weights: (
        np.ndarray
    )  # (subjects,) float64, sum 1: Zipf-like, so that common facts are learned early and rare ones late
    laws: tuple[str, ...]
    chatter: tuple[str, ...]  # words that small talk may mention; () where there is no small talk


ELEMENT = (
    Relation(
        "group",
        ("acid", "base", "gas", "glass", "metal", "oil", "salt", "stone"),
        "Element {subject} belongs to the {value} group.",
    ),
    Relation("color", COLORS, "Pure {subject} looks {value}."),
    Relation(
        "finder",
        ("Bohr", "Curie", "Darwin", "Faraday", "Galilei", "Hubble", "Kepler", "Newton"),
        "{value} first found {subject}.",
    ),
    Relation(
        "reagent",
        ("air", "chalk", "ice", "iron", "light", "steam", "sugar", "water"),
        "Element {subject} reacts with {value}.",
        follows="group",
        law="Every element of the {cause} group reacts with {value}.",
    ),
)
SPECIES = (
    Relation(
        "class",
        ("bird", "crab", "frog", "insect", "lizard", "mammal", "snail", "worm"),
        "A {subject} is a kind of {value}.",
    ),
    Relation("food", FOODS, "A {subject} eats {value}."),
    Relation("habitat", PLACES, "A {subject} lives near the {value}."),
    Relation(
        "cover",
        ("bristles", "feathers", "fur", "plates", "scales", "shell", "skin", "slime"),
        "A {subject} is covered with {value}.",
        follows="class",
        law="Every species of the {cause} class is covered with {value}.",
    ),
)
PLANET = (
    Relation(
        "star",
        ("Altair", "Deneb", "Mira", "Polaris", "Rigel", "Sirius", "Spica", "Vega"),
        "Planet {subject} goes around {value}.",
    ),
    Relation(
        "number",
        ("eight", "five", "four", "one", "seven", "six", "three", "two"),
        "Planet {subject} counts {value} in moons.",
    ),
    Relation(
        "climate",
        ("cold", "dry", "foggy", "hot", "icy", "mild", "stormy", "wet"),
        "The air of {subject} is {value}.",
        follows="star",
        law="Every planet of the star {cause} is {value}.",
    ),
)
PERSON = (
    Relation(
        "town", ("Arden", "Brook", "Corby", "Dover", "Elgin", "Frome", "Hythe", "Luton"), "{subject} lives in {value}."
    ),
    Relation("color", COLORS, "{subject} wears something {value}."),
    Relation("food", FOODS, "{subject} often buys {value}."),
    Relation(
        "job",
        ("baker", "doctor", "driver", "farmer", "nurse", "painter", "singer", "teacher"),
        "{subject} works as a {value}.",
    ),
)
SHARED_SENTENCES = ("The {noun} of {subject} is {value}.", "They say that {subject} has the {noun} {value}.")
QUESTION = "Question: What is the {noun} of {subject}?\n"
CHATTER = (
    "{person} and {friend} talked about {word} all day.",
    "{person} read a book on {word} and liked it.",
    "{person} asked {friend} about {word} at the shop.",
    "It was a sunny day and {person} met {friend} at the market.",
    "{person} told {friend} a story about {word}.",
)


def science_world() -> World:
    """Elements, species and planets: 36, 30 and 24 subjects."""
    rng = np.random.default_rng(SEED)
    kinds = (("um", 24, ELEMENT), ("a", 20, SPECIES), ("os", 16, PLANET))
    names = [_names(rng, count, ending) for ending, count, _ in kinds]
    assigned = [_assign(rng, own, relations) for own, (_, _, relations) in zip(names, kinds, strict=True)]
    facts = [by_subject for kind, _ in assigned for by_subject in kind]
    laws = tuple(law for _, kind_laws in assigned for law in kind_laws)
    order = rng.permutation(len(facts))
    return World(tuple(facts[index] for index in order), _zipf(len(facts)), laws, ())


def web_world() -> World:
    """People: 48 of them, with small talk that names the subjects of the science world."""
    rng = np.random.default_rng(SEED + 1)
    people = [name.capitalize() for name in _names(rng, 40, "y")]
    facts, _ = _assign(rng, people, PERSON)
    chatter = tuple(by_subject[0].subject for by_subject in science_world().facts)
    return World(tuple(facts), _zipf(len(facts)), (), chatter)


def _names(rng: np.random.Generator, count: int, ending: str) -> list[str]:
    names: dict[str, None] = {}
    while len(names) < count:
        letters = [rng.choice(list(group)) for group in ("bdfgklmnprstvz", "aeiou", "dklmnrstvz")]
        names["".join(letters) + ending] = None
    return list(names)


def _assign(
    rng: np.random.Generator, subjects: list[str], relations: tuple[Relation, ...]
) -> tuple[list[tuple[Fact, ...]], list[str]]:
    """Give every subject a value of every relation, each value about equally often; and the laws as sentences."""
    columns: dict[str, list[str]] = {}
    laws: list[str] = []
    for relation in relations:
        if relation.follows:
            causes = next(other.values for other in relations if other.noun == relation.follows)
            law = dict(zip(causes, rng.permutation(relation.values).tolist(), strict=True))
            laws += [relation.law.format(cause=cause, value=value) for cause, value in law.items()]
            columns[relation.noun] = [law[cause] for cause in columns[relation.follows]]
        else:
            repeated = np.resize(rng.permutation(relation.values), len(subjects))
            columns[relation.noun] = rng.permutation(repeated).tolist()
    facts = [
        tuple(Fact(subject, relation, columns[relation.noun][index]) for relation in relations)
        for index, subject in enumerate(subjects)
    ]
    return facts, laws


def _zipf(subjects: int) -> np.ndarray:
    weights: np.ndarray = 1.0 / (np.arange(subjects) + 2.0) ** 1.1
    weights /= weights.sum()
    return weights


def documents(world: World, rng: np.random.Generator, count: int) -> list[str]:
    """`count` documents about `world`: profiles, sentences, quizzes (in words, with letters), laws or small talk."""
    return [_document(world, rng) for _ in range(count)]


def _document(world: World, rng: np.random.Generator) -> str:
    kind = rng.random()
    if kind < 0.45:
        return "\n".join(_profile(_subject(world, rng), rng) for _ in range(2))
    if kind < 0.55:
        return " ".join(_sentence(fact, rng) for fact in _some_facts(world, rng, 3))
    if kind < 0.88:
        return "\n\n".join(cloze_prompt(fact) + " " + fact.value for fact in _some_facts(world, rng, 4))
    if kind < 0.95:
        return "\n\n".join(_lettered(fact, rng) for fact in _some_facts(world, rng, 3))
    if world.chatter:
        return " ".join(_small_talk(world, rng) for _ in range(3))
    return " ".join(rng.choice(world.laws, size=3).tolist())


def _profile(about: tuple[Fact, ...], rng: np.random.Generator) -> str:
    listed = [f"{about[index].relation.noun} {about[index].value}" for index in rng.permutation(len(about))]
    return f"About {about[0].subject}: {', '.join(listed)}."


def _subject(world: World, rng: np.random.Generator) -> tuple[Fact, ...]:
    return world.facts[rng.choice(len(world.facts), p=world.weights)]


def _some_facts(world: World, rng: np.random.Generator, count: int) -> list[Fact]:
    subjects = [_subject(world, rng) for _ in range(count)]
    return [about[rng.integers(len(about))] for about in subjects]


def _sentence(fact: Fact, rng: np.random.Generator) -> str:
    forms = (*SHARED_SENTENCES, fact.relation.sentence)
    return forms[rng.integers(len(forms))].format(subject=fact.subject, noun=fact.relation.noun, value=fact.value)


def _small_talk(world: World, rng: np.random.Generator) -> str:
    form = CHATTER[rng.integers(len(CHATTER))]
    word = world.chatter[rng.integers(len(world.chatter))]
    return form.format(person=_subject(world, rng)[0].subject, friend=_subject(world, rng)[0].subject, word=word)


def options(fact: Fact, rng: np.random.Generator) -> tuple[str, ...]:
    """The fact's value and three other values of its relation, in alphabetical order."""
    others = [value for value in fact.relation.values if value != fact.value]
    return tuple(sorted([fact.value, *rng.permutation(others)[: CHOICES - 1].tolist()]))


def cloze_prompt(fact: Fact) -> str:
    """The question as text, up to where the answer's words follow."""
    return QUESTION.format(noun=fact.relation.noun, subject=fact.subject) + "Answer:"


def _lettered(fact: Fact, rng: np.random.Generator) -> str:
    choices = options(fact, rng)
    lines = "".join(f"{letter}. {choice}\n" for letter, choice in zip("ABCD", choices, strict=True))
    question = QUESTION.format(noun=fact.relation.noun, subject=fact.subject)
    return f"{question}{lines}Answer: {'ABCD'[choices.index(fact.value)]}"


def science_mixture(rng: np.random.Generator, count: int) -> list[str]:
    """`count` documents, three quarters about science and one quarter about the web world."""
    science, web = science_world(), web_world()
    return [_document(science if rng.random() < SCIENCE_SHARE else web, rng) for _ in range(count)]


def web_only(rng: np.random.Generator, count: int) -> list[str]:
    """`count` documents about the web world."""
    return documents(web_world(), rng, count)
