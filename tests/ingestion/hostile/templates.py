"""Templates that try to leave the sandbox, run forever, fill the memory or break the reader of their output."""

from __future__ import annotations

from tests.ingestion.hostile.corpus import TOLERATED, folder_case

ADDRESS = "prints a method or a class, inside a list or made a text"
UNSAFE = "unsafe|not safely callable|a template may only read fields"
MEMORY = "memory|OverflowError|too large|too much text"
SLOW = "takes more than|processor time|too long to read"

_TEXTS: list[tuple[str, str, str | None]] = [
    ("class", "{{ question.__class__ }}", UNSAFE),
    ("subclasses", "{{ question.__class__.__mro__[1].__subclasses__() }}", UNSAFE),
    ("class by subscript", "{{ question['__class__'] }}", UNSAFE),
    ("class by filter", "{{ question | attr('__class__') }}", UNSAFE),
    ("class by built name", "{{ question | attr('__cl' ~ 'ass__') }}", UNSAFE),
    ("class by map", "{{ [question] | map(attribute='__class__') | list }}", UNSAFE),
    ("class by sum", "{{ [question] | sum(attribute='__class__') }}", UNSAFE),
    ("class by groupby", "{{ [question] | groupby('__class__') | list }}", UNSAFE),
    ("class by groupby of several", "{{ [question, 'a'] | groupby('__class__') | list }}", UNSAFE),
    ("class by map and filter", "{{ [question] | map('attr', '__class__') | list }}", UNSAFE),
    ("class in a list in a list", "{{ [[question] | map(attribute='__class__') | list] }}", UNSAFE),
    ("class by selectattr", "{{ [question] | selectattr('__class__') | list }}", UNSAFE),
    ("class by unique", "{{ [question] | unique(attribute='__class__') | list }}", UNSAFE),
    ("class by max", "{{ [question, 'a'] | max(attribute='__class__') }}", UNSAFE),
    ("class of jinja in a list", "{{ [cycler] }}", ADDRESS),
    ("method in a list", "{{ [question.join] }}", ADDRESS),
    ("method by map", "{{ [question] | map(attribute='upper') | list }}", ADDRESS),
    ("method joined", "{{ question.join ~ '' }}", ADDRESS),
    ("method escaped", "{{ question.join | e }}", ADDRESS),
    ("class by join", "{{ [question] | join(attribute='__class__') }}", UNSAFE),
    ("class by sort", "{{ [question, 'a'] | sort(attribute='__class__') | join }}", UNSAFE + "|TypeError"),
    ("class by format", "{{ '{0.__class__}'.format(question) }}", UNSAFE),
    ("class by format_map", "{{ '{x.__class__}'.format_map({'x': question}) }}", UNSAFE),
    ("class by stored format", "{% set f = '{0.__class__}'.format %}{{ f(question) }}", UNSAFE),
    (
        "class by mapped format",
        "{{ ['{0.__class__}'] | map('format', question) | join }}",
        "not all arguments converted",
    ),
    ("globals of a function", "{{ cycler.__init__.__globals__ }}", UNSAFE),
    ("globals of the template", "{{ self.__init__.__globals__ }}", UNSAFE),
    ("globals of a macro", "{% macro m() %}{% endmacro %}{{ m.__globals__ }}", "has no attribute"),
    ("globals of the loop", "{% for i in [1] %}{{ loop.__init__.__globals__ }}{% endfor %}", UNSAFE),
    ("list changed", "{{ choices.append('x') }}", UNSAFE),
    ("file included", "{% include '/etc/passwd' %}", "templates have no other files"),
    ("module imported", "{% import 'os' as os %}", "templates have no other files"),
    ("template extended", "{% extends 'x' %}", "templates have no other files"),
    ("file opened", "{{ open('/etc/passwd') }}", "'open' is undefined"),
    ("environment", "{{ environ }}{{ config }}{{ request }}", "is undefined"),
    ("chance", "{{ question | random }}", "No filter named 'random'"),
    ("random text", "{{ lipsum() }}", "'lipsum' is undefined"),
    ("debug extension", "{% debug %}", "unknown tag"),
    ("method printed", "{{ question.upper }}", r"prints a method; add \(\)"),
    ("long loops", "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", SLOW),
    ("too long a range", "{% for i in range(10 ** 9) %}x{% endfor %}", "[Rr]ange too big"),
    (
        "slow on every item",
        "{% for i in range(99999) %}{% if i * i < 0 %}x{% endif %}{% endfor %}"
        "{% for i in range(99999) %}{% if i * i < 0 %}x{% endif %}{% endfor %}" * 8 + "{{ question }}",
        SLOW,
    ),
    ("catastrophic expression", "{{ ('a' * 40 + 'b' + question) | regex_replace('(a+)+$', '') }}", SLOW),
    ("catastrophic constant", "{{ ('a' * 40 + 'b') | regex_replace('(a+)+$', '') }}", SLOW),
    ("power", "{{ answer + 9 ** (9 ** 9) }}", f"{SLOW}|{MEMORY}"),
    ("text of 10 GB", "{{ 'x' * 10 ** 10 }}", MEMORY),
    ("list of 8 GB", "{{ [0] * 10 ** 9 }}", MEMORY),
    ("padded to 10 GB", "{{ 'x'.ljust(10 ** 10) }}", MEMORY),
    ("centered in 10 GB", "{{ question | center(10 ** 10) }}", MEMORY),
    ("formatted to 10 GB", "{{ '{:>9999999999}'.format(question) }}", MEMORY + "|Too many decimal digits"),
    ("printf of 1 TB", "{{ '%999999999999d' | format(1) }}", MEMORY),
    ("indented by 1 GB", "{{ 'a\nb' | indent(2 * 10 ** 9) }}", MEMORY),
    ("filled slices", "{{ [1] | slice(10 ** 9) | list }}", f"{SLOW}|{MEMORY}"),
    ("filled batch", "{{ [1] | batch(10 ** 9, 'x') | list }}", f"{SLOW}|{MEMORY}"),
    (
        "doubling",
        "{% set ns = namespace(s='x') %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
        f"{SLOW}|{MEMORY}",  # the limit of time or of memory, whichever is reached first
    ),
    ("endless macro", "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "it calls itself without end"),
    ("deep parentheses", "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}", "RecursionError|nesting"),
    ("long sum", "{{ 1" + " + 1" * 20_000 + " }}", "RecursionError|nesting|SyntaxError"),
    ("many blocks", "{% if 1 %}" * 4000 + "{% endif %}" * 4000, "RecursionError|nesting|SyntaxError|IndentationError"),
    ("output of 200 KB", "{{ 'x' * 200000 }}", "at most 100,000 characters"),
    ("lone surrogate", "{{ '\\ud800' }}", "half a character"),
    ("NUL", "{{ '\\0' }}", "half a character"),
    ("unclosed", "{{ question", "unexpected end of template"),
    ("unknown field", "{{ nothing }}", "'nothing' is undefined"),
    ("division by zero", "{{ 1 / 0 }}", "division by zero"),
    ("raw block", "{% raw %}{{ question.__class__ }}{% endraw %} {{ question }}", TOLERATED),
    ("terminal sequence", "{{ '\\x1b]0;title' }}{{ question }}", TOLERATED),
]
_CHOICES: list[tuple[str, str, str]] = [
    ("code as a list", "{{ \"__import__('os').system('ls')\" }}", "must render as a list"),
    ("nested list", "{{ '[' * 5000 }}{{ ']' * 5000 }}", "must render as a list|nesting"),
    ("deep minus", "{{ '-' * 90000 }}1", "must render as a list|nesting"),
    ("number of 90,000 digits", "{{ '9' * 90000 }}", "must render as a list"),
    ("120 choices", "{{ ['a', 'b'] * 60 }}", "2 to 100"),
    ("bytes", "{{ \"[b'x', b'y']\" }}", "every choice must be a text"),
    ("a set", "{{ \"{'a', 'b'}\" }}", "must be a list"),
]
_TARGETS: list[tuple[str, str, str]] = [
    ("superscript digit", "{{ '\u00b2' }}", "none of the 3 choices"),
    ("Arabic digit", "{{ '\u0669' }}", "there are 3 choices"),
    ("90,000 digits", "{{ '9' * 90000 }}", "none of the 3 choices"),
    ("negative number", "{{ -1 }}", "none of the 3 choices"),
]

CASES = [
    *(folder_case(f"template {name}", message, task={"doc_to_text": text}) for name, text, message in _TEXTS),
    *(folder_case(f"choices {name}", message, task={"doc_to_choice": text}) for name, text, message in _CHOICES),
    *(folder_case(f"target {name}", message, task={"doc_to_target": text}) for name, text, message in _TARGETS),
]
