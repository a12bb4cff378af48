"""Metric expressions of a participant: arithmetic on the choices of an item, parsed but never executed as Python.

    ll[gold] - mean(ll[~gold])          margin in nats of the right choice over the mean of the others
    sum(softmax(ll / chars)[gold])      probability of the right choices, from log-likelihoods per character

A name has a value for each choice of the item (see `NAMES`). `x[gold]` selects the right choices, `x[~gold]` the
others; `sum`, `mean`, `max` and `min` reduce them to one number. An expression has one value for each item; all items
are evaluated at once.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

import numpy as np

from e2lm_ingestion.errors import SubmissionError

MAX_CHARACTERS = 500
MAX_DEPTH = 40

NAMES = {
    "ll": "log-likelihood of the choice after the prompt, in nats",
    "ll_unconditional": "log-likelihood of the choice after nothing, in nats",
    "greedy": "1 where every token of the choice was the most likely one, else 0",
    "gold": "1 for a right choice, else 0",
    "number": "0 for the first choice, 1 for the second, ...",
    "chars": "characters of the choice",
    "bytes": "bytes of the choice in UTF-8",
    "words": "words of the choice: pieces between spaces",
    "tokens": "tokens that the model reads the choice as",
}

LENGTHS = frozenset({"chars", "bytes", "words", "tokens"})


@dataclass(frozen=True)
class Columns:
    """Input of an expression: values for the choices of all items, in flat arrays."""

    offsets: np.ndarray  # (items + 1,) int64: the choices of item i are offsets[i] .. offsets[i + 1] - 1
    values: Mapping[str, np.ndarray]  # name -> (choices,); always includes `gold`

    @property
    def items(self) -> int:
        """The number of items."""
        return len(self.offsets) - 1


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression."""

    source: str
    tree: ast.expr = field(repr=False, compare=False)

    @property
    def names(self) -> frozenset[str]:
        """The names of the columns that it needs."""
        return _names(self.tree)

    @property
    def functions(self) -> frozenset[str]:
        """The names of the functions that it calls."""
        calls = (node.func for node in ast.walk(self.tree) if isinstance(node, ast.Call))
        return frozenset(function.id for function in calls if isinstance(function, ast.Name))

    @property
    def reads_labels(self) -> bool:
        """Whether its value can depend on which choices are right."""
        return "gold" in self.names

    @property
    def reads_wrong_choices(self) -> bool:
        """Whether it reads the choices that are not right by themselves, as in `x[~gold]`."""
        return any(isinstance(node, ast.Subscript) and _kept(node) == "wrong" for node in ast.walk(self.tree))

    @property
    def reads_lengths(self) -> bool:
        """Whether it reads the length of choices otherwise than to divide a log-likelihood by it, as in `ll / chars`.

        >>> [parse(source).reads_lengths for source in ("sum((ll / chars)[gold])", "mean(ll) * sum(chars[gold])")]
        [False, True]
        """
        quotients = (n for n in ast.walk(self.tree) if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Div))
        allowed = {id(name) for node in quotients if _normalises(node) for name in ast.walk(node.right)}
        lengths = (node for node in ast.walk(self.tree) if isinstance(node, ast.Name) and node.id in LENGTHS)
        return any(id(node) not in allowed for node in lengths)

    def evaluate(self, columns: Columns) -> np.ndarray:
        """The value for each item, (items,) float64; values may be infinite or NaN.

        Raises SubmissionError with the position in the source when the sides of an operation have values for different
        choices, or the result has several values for an item.
        """
        with np.errstate(all="ignore"):
            value = _Evaluation(self, columns).value(self.tree)
        if value.part is not None:
            what = "a number for each choice" if value.part == "all" else "several numbers for some items"
            self.refuse(self.tree, f"it gives {what}: make one of them with sum, mean, max or min")
        return np.broadcast_to(value.array, (columns.items,)).astype(np.float64)

    def refuse(self, node: ast.AST, problem: str) -> NoReturn:
        """Raise SubmissionError with the position of a node in the source."""
        _refuse(self.source, getattr(node, "col_offset", 0), problem)


def _names(tree: ast.expr) -> frozenset[str]:
    """The names of columns in an expression or a part of it."""
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    return frozenset(node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called)


def _normalises(quotient: ast.BinOp) -> bool:
    """Whether it divides log-likelihoods by the lengths of the same choices, one by one or both reduced alike."""
    divisor = quotient.right.left if isinstance(quotient.right, ast.BinOp) else quotient.right  # chars ** 0.5
    if isinstance(divisor, ast.Name):
        nodes = list(ast.walk(quotient.left))
        reduced = [node for node in nodes if isinstance(node, ast.Call) and _function(node) in REDUCTIONS]
        within = {id(node) for call in reduced for node in ast.walk(call)}
        return any(isinstance(node, ast.Name) and node.id == "ll" and id(node) not in within for node in nodes)
    written = ast.unparse(quotient.left)
    return any(written == ast.unparse(divisor).replace(length, "ll") for length in LENGTHS & _names(divisor))


def _function(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""


def parse(source: str) -> Expression:
    """Parse an expression. Raises SubmissionError with the position of the first error."""
    if len(source) > MAX_CHARACTERS:
        raise SubmissionError(f"expression: {len(source):,} characters; at most {MAX_CHARACTERS}")
    if not source.isascii() or not source.isprintable():
        at = next(i for i, c in enumerate(source) if not (c.isascii() and c.isprintable()))
        _refuse(source, at, f"the character {source[at]!a} is not read; write it on one line in plain ASCII")
    try:
        tree = ast.parse(source.strip(), mode="eval").body
    except SyntaxError as error:
        _refuse(source, (error.offset or len(source) + 1) - 1, f"not an expression: {error.msg}")
    except (ValueError, MemoryError, RecursionError):
        _refuse(source, 0, "nested too deep; an expression is one line of arithmetic")
    expression = Expression(source.strip(), tree)
    _check(expression, tree, MAX_DEPTH)
    expression.evaluate(_SAMPLE)
    return expression


def _refuse(source: str, at: int, problem: str) -> NoReturn:
    raise SubmissionError(f"expression: column {at + 1} of {source[:80]!r}: {problem}")


def _elementwise(function: Callable[[np.ndarray], np.ndarray]) -> Callable[[_Value, _Evaluation], _Value]:
    return lambda value, evaluation: _Value(function(value.array), value.part)


def _softmax(value: _Value, evaluation: _Evaluation) -> _Value:
    spread = evaluation.spread
    shifted = np.exp(value.array - spread(evaluation.reduced(np.maximum, value), "all"))
    total = evaluation.reduced(np.add, _Value(shifted, "all"))
    return _Value(shifted / spread(total, "all"), "all")


def _pick(value: _Value, evaluation: _Evaluation) -> _Value:
    best = value.array == evaluation.spread(evaluation.reduced(np.maximum, value), "all")
    ties = evaluation.reduced(np.add, _Value(best.astype(np.float64), "all"))
    return _Value(best / evaluation.spread(ties, "all"), "all")


def _sum(value: _Value, evaluation: _Evaluation) -> _Value:
    return _Value(evaluation.reduced(np.add, value), None)


def _mean(value: _Value, evaluation: _Evaluation) -> _Value:
    return _Value(evaluation.reduced(np.add, value) / evaluation.counts(value.part), None)


def _max(value: _Value, evaluation: _Evaluation) -> _Value:
    return _Value(evaluation.reduced(np.maximum, value), None)


def _min(value: _Value, evaluation: _Evaluation) -> _Value:
    return _Value(evaluation.reduced(np.minimum, value), None)


ELEMENTWISE = {"exp": np.exp, "log": np.log, "sqrt": np.sqrt, "abs": np.abs}
REDUCTIONS = {"sum": _sum, "mean": _mean, "max": _max, "min": _min}
OVER_CHOICES = {"softmax": _softmax, "pick": _pick}
FUNCTIONS = {
    **{name: _elementwise(function) for name, function in ELEMENTWISE.items()},
    **REDUCTIONS,
    **OVER_CHOICES,
}
_OPERATORS: dict[type[ast.operator], Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
}


def _check(expression: Expression, node: ast.expr, depth: int) -> None:
    """Refuse everything except arithmetic on the known names and functions."""
    if depth == 0:
        expression.refuse(node, "nested too deep; an expression is one line of arithmetic")
    inner: list[ast.expr] = []
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bool) or not isinstance(node.value, (int, float)) or not abs(node.value) < 1e15:
            expression.refuse(node, f"{ast.unparse(node)[:40]} is not a number below 1e15")
    elif isinstance(node, ast.Name):
        if node.id not in NAMES:
            expression.refuse(node, f"{node.id[:40]!r} is not known; the names are {', '.join(NAMES)}")
    elif isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        inner = [node.left, node.right]
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.UAdd, ast.USub)):
        inner = [node.operand]
    elif isinstance(node, ast.Subscript):
        if _kept(node) is None:
            expression.refuse(
                node.slice, "only [gold] and [~gold] choose among the choices: the right one, and all wrong ones"
            )
        inner = [node.value]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1 and not node.keywords:
        if node.func.id not in FUNCTIONS:
            expression.refuse(node, f"{node.func.id[:40]!r} is not known; the functions are {', '.join(FUNCTIONS)}")
        inner = node.args
    else:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS:
            expression.refuse(node, f"a function takes one value, as in {node.func.id}(ll)")
        what = {ast.Attribute: "an attribute", ast.Compare: "a comparison", ast.Call: "a call like this"}
        expression.refuse(
            node, f"{what.get(type(node), 'this')} is not read; write + - * / ** and calls, as in max(ll)"
        )
    for part in inner:
        _check(expression, part, depth - 1)


def _kept(node: ast.Subscript) -> str | None:
    """The choices that a subscript selects: "right" for [gold], "wrong" for [~gold], None for any other."""
    index, kept = node.slice, "right"
    if isinstance(index, ast.UnaryOp) and isinstance(index.op, ast.Invert):
        index, kept = index.operand, "wrong"
    return kept if isinstance(index, ast.Name) and index.id == "gold" else None


@dataclass(frozen=True, slots=True)
class _Value:
    """Intermediate values of an evaluation."""

    array: np.ndarray  # (choices of the part,); for part None (items,) or a scalar
    part: str | None  # "all", "right" or "wrong" choices; None: one value for each item or for all


class _Evaluation:
    """Evaluates one expression on one set of columns."""

    def __init__(self, expression: Expression, columns: Columns) -> None:
        self._expression = expression
        self._columns = columns
        gold = columns.values["gold"].astype(bool)
        self._masks = {"all": np.ones(len(gold), dtype=bool), "right": gold, "wrong": ~gold}

    def value(self, node: ast.expr) -> _Value:
        """Evaluate a checked node."""
        if isinstance(node, ast.Constant):
            assert isinstance(node.value, (int, float))
            return _Value(np.float64(node.value), None)  # type: ignore[arg-type]
        if isinstance(node, ast.Name):
            return self._column(node)
        if isinstance(node, ast.UnaryOp):
            value = self.value(node.operand)
            return _Value(-value.array, value.part) if isinstance(node.op, ast.USub) else value
        if isinstance(node, ast.BinOp):
            return self._operation(node)
        if isinstance(node, ast.Subscript):
            return self._subset(node)
        assert isinstance(node, ast.Call)
        assert isinstance(node.func, ast.Name)
        return self._call(node, node.func.id)

    def counts(self, part: str | None) -> np.ndarray:
        """The number of choices of a part in each item, (items,) int64."""
        assert part is not None
        counted: np.ndarray = np.add.reduceat(self._masks[part].astype(np.int64), self._columns.offsets[:-1])
        return counted

    def reduced(self, function: np.ufunc, value: _Value) -> np.ndarray:
        """Reduce the values of each item's choices to one number, (items,)."""
        counts = self.counts(value.part)
        result: np.ndarray = function.reduceat(value.array, np.cumsum(counts) - counts)
        return result

    def spread(self, array: np.ndarray, part: str) -> np.ndarray:
        """Repeat a value for each item, (items,), for the choices of a part; a scalar is returned as it is."""
        return np.repeat(array, self.counts(part)) if np.ndim(array) else array

    def _column(self, node: ast.Name) -> _Value:
        column = self._columns.values.get(node.id)
        if column is None:
            self._expression.refuse(
                node, f"there is no {node.id} here: name it in a metric of metric_list and run again"
            )
        return _Value(column.astype(np.float64), "all")

    def _operation(self, node: ast.BinOp) -> _Value:
        left, right = self.value(node.left), self.value(node.right)
        part = left.part or right.part
        if left.part and right.part and left.part != right.part:
            self._expression.refuse(node, "the two sides have numbers for different choices: reduce one, as in mean(x)")
        arrays = [self.spread(side.array, part) if part and not side.part else side.array for side in (left, right)]
        return _Value(_OPERATORS[type(node.op)](*arrays), part)

    def _subset(self, node: ast.Subscript) -> _Value:
        value, kept = self.value(node.value), _kept(node)
        assert kept is not None
        if value.part != "all":
            self._expression.refuse(node, "[gold] and [~gold] choose among numbers for each choice")
        counts = self.counts(kept)
        if not counts.all():
            item = int(np.argmin(counts))
            self._expression.refuse(node, f"item {item} (counted from 0) has no {kept} choice")
        return _Value(value.array[self._masks[kept]], None if (counts == 1).all() and kept == "right" else kept)

    def _call(self, node: ast.Call, name: str) -> _Value:
        value = self.value(node.args[0])
        if name in REDUCTIONS and value.part is None:
            return value
        if name in OVER_CHOICES and value.part != "all":
            self._expression.refuse(node, f"{name} needs a number for each choice, such as {name}(ll)")
        return FUNCTIONS[name](value, self)


_SAMPLE = Columns(
    np.asarray([0, 3, 6]),
    {name: np.asarray([1, 0, 0, 0, 1, 0]) if name == "gold" else np.arange(1.0, 7.0) for name in NAMES},
)
