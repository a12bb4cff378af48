"""Items as input of the checks: the item's own text is separated from the description and examples before it."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from e2lm_ingestion.output_types.protocol import Item

RARE, FEW = 0.02, 12  # a word of more than this share of the items, and of more than so many, is not rare
_WORDS = re.compile(r"[^\W_]+")
# accents, and characters that are not drawn: formatting, directions, variants, fillers, tags
_UNSEEN = {
    code: None
    for first, last in (
        *((0xAD, 0xAD), (0x300, 0x36F), (0x600, 0x605), (0x61C, 0x61C), (0x17B4, 0x17B5)),
        *((0x180B, 0x180F), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x200B, 0x200F), (0x202A, 0x202E)),
        *((0x2060, 0x206F), (0x20D0, 0x20FF), (0xFE00, 0xFE0F), (0xFE20, 0xFE2F)),
        *((0xFEFF, 0xFEFF), (0xFFF0, 0xFFFB), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A)),
        (0xE0000, 0xE01FF),
    )
    for code in range(first, last + 1)
} | dict.fromkeys((0x115F, 0x1160, 0x3164, 0xFFA0), " ")  # fillers of Hangul look like spaces
# Letters that look like Latin ones, from Unicode's confusables (UTS #39): Greek, Cyrillic, Armenian, Cherokee, small
# capitals, and Latin letters that no decomposition relates to them. Capitals go first: Η looks like H, and η like n.
_LOOK_ALIKES = str.maketrans(
    "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ" + "АВЕЅІЈКМНОРСТУХԀԚԜҮӀ" + "ՕՍԼ" + "ᎪᏴᏟᎠᎬᏀᎻᎫᏦᏞᎷᏢᏒᏚᎢᏙᎳᏃᎡ",
    "ABEZHIKMNOPTYX" + "ABESIJKMHOPCTYXDQWYI" + "OUL" + "ABCDEGHJKLMPRSTVWZR",
)
_SMALL_LOOK_ALIKES = str.maketrans(
    "αβγεηικνορστυωχϲϳ"
    + "авекмнорстухіјѕԁһӏԛԝьѵүґԍҽ"
    + "աօսոհցզքյ"
    + "ıɑɡɩɪʟɴʀʏʙɢʜʋᴀᴄᴅᴇᴊᴋᴍᴏᴘꜱᴛᴜᴠᴡᴢƅ"
    # small Cherokee letters fold to capitals; letters with a stroke
    + "ᎪᏴᏟᎠᎬᏀᎻᎫᏦᏞᎷᏢᏒᏚᎢᏙᎳᏃᎡᎥ"
    + "øđłŧħƀɨɵ",
    "abyenikvopotuwxcj"
    + "abekmhopctyxijsdhlqwbvyrge"
    + "wounhgqpj"
    + "iagiilnrybghuacdejkmopstuvwzb"
    + "abcdeghjklmprstvwzri"
    + "odlthbio",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """A quality warning for the participant; the submission runs nevertheless."""

    kind: str  # stable identifier for programs
    message: str  # one line: what, how often, what to do
    items: tuple[int, ...] = ()  # the first items affected, counted from 0 in the order of the data files
    blocks: bool = False  # whether `e2lm rank` withholds a prize until an organizer has looked at it


@dataclass(frozen=True, slots=True)
class Question:
    """One item; in a generation task the right answer is the only choice."""

    item: int  # its number, from 0
    head: str  # description and examples; one object for all items where it is the same for all
    text: str  # the item's own part of the prompt
    choices: tuple[str, ...]
    gold: tuple[int, ...]  # indices of the right choices
    cluster: str = ""  # what it shares with other items, by the task's metadata
    description: str = ""  # where items have different ones: the first lines of `text`


def questions_of(items: Sequence[Item], first: int = 0) -> list[Question]:
    """Split every context into head and own text; `first` is the number of the first item.

    Whatever the task writes for one item and not for another is the item's own text, a description that differs too;
    examples are not, which may be drawn for each item.
    """
    heads: dict[str, str] = {}
    questions = []
    for i, item in enumerate(items):
        context = shared_beginning(item.contexts)
        head, own = context[: item.head], context[item.head :]
        text = f"{item.description}\n{own}" if item.description else own
        shared = heads.setdefault(head, head)
        asked = Question(first + i, shared, text, item.choices, item.gold, item.cluster, item.description)
        questions.append(asked)
    return questions


def shared_prefix(items: Sequence[Item]) -> str:
    """The longest common prefix of all contexts."""
    return shared_beginning([context for item in items for context in item.contexts])


def shared_beginning(texts: Sequence[str]) -> str:
    """The longest common prefix of the texts, which is that of the smallest and the largest in sorting order."""
    first, last = min(texts), max(texts)
    same, most = 0, min(len(first), len(last))
    while same < most and first[same] == last[same]:
        same += 1
    return first[:same]


def normalized(text: str) -> str:
    """The text as a reader sees it, for comparisons: words of letters and digits with single spaces between them.

    Case, accents, punctuation and invisible characters are gone, and letters of other alphabets that look like Latin
    ones are these.

    >>> normalized("  The Аnswer\u200b:  “Café”!")
    'the answer cafe'
    """
    return " ".join(words_of(text))


def words_of(text: str) -> list[str]:
    """The words of `normalized`.

    >>> words_of("ＷＨΑТ is w\u00adater?")
    ['what', 'is', 'water']
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text).translate(_UNSEEN).translate(_LOOK_ALIKES)
    folded = text.casefold()
    if not folded.isascii():
        folded = folded.translate(_SMALL_LOOK_ALIKES)
    return _WORDS.findall(folded)


def rarer_words(texts: Sequence[str]) -> list[set[str]]:
    """The words of each normalized text that few others have."""
    words = [set(text.split()) for text in texts]
    frequency = Counter(word for own in words for word in own)
    limit = max(FEW, RARE * len(texts))
    return [{word for word in own if frequency[word] <= limit} for own in words]


def some(items: Sequence[int]) -> str:
    """The first three item numbers as a text for a message."""
    return ", ".join(map(str, items[:3])) + (", ..." if len(items) > 3 else "")
