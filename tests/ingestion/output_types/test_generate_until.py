"""Generation tasks: prompts, stop texts, filters and comparison with the answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from transformers import PreTrainedTokenizerFast

from e2lm_ingestion.engines import Generations, Stop
from e2lm_ingestion.errors import SubmissionError
from e2lm_ingestion.output_types.generate_until import (
    Prompts,
    encode_prompts,
    filtered,
    generate,
    packed,
    text_scores,
    unpacked,
)
from e2lm_ingestion.task.task_parts import Filter, GenerationKwargs, Metric


class Parrot:
    """A fake engine that generates a given text, token by token, until the stop condition."""

    def __init__(self, tokens: Sequence[int]) -> None:
        self._tokens = tokens

    def generate(self, prompts: Sequence[Sequence[int]], stop: Stop) -> Generations:
        written: list[int] = []
        for token in self._tokens:
            if stop.reached(written):
                break
            written.append(token)
        return Generations([written for _ in prompts], 0)


@pytest.mark.parametrize(
    ("until", "most", "written", "kept"),
    [
        (("\n",), 10, "gas\nQuestion", "gas"),
        (("stop", "\n"), 16, "a gas stop here\n", "a gas "),
        (("zz",), 10, "as long as it may be", "as long as"),
        (("zz",), 10, "gas<end>more", "gas"),
    ],
)
def test_a_text_ends_before_its_stop_text(
    tokenizer: PreTrainedTokenizerFast, until: tuple[str, ...], most: int, written: str, kept: str
) -> None:
    tokens = tokenizer.encode(written, add_special_tokens=False)
    assert generate(Parrot(tokens), Prompts([[1]], until, most, tokenizer)).texts == [kept]  # type: ignore[arg-type]


def test_a_long_prompt_loses_its_beginning_so_that_the_answer_fits(tokenizer: PreTrainedTokenizerFast) -> None:
    kwargs = GenerationKwargs.model_validate({"until": "\n", "max_gen_toks": 4})
    encoded = encode_prompts(["0123456789", ""], kwargs, tokenizer, context_length=10)
    assert tokenizer.decode(encoded.tokens[0]) == "456789"
    assert encoded.tokens[1] == [tokenizer.eos_token_id]


def test_a_generation_that_leaves_no_room_for_the_prompt_is_refused(tokenizer: PreTrainedTokenizerFast) -> None:
    with pytest.raises(SubmissionError, match="max_gen_toks is 10, and these models read 10 tokens"):
        encode_prompts([], GenerationKwargs(max_gen_toks=10), tokenizer, context_length=10)


@pytest.mark.parametrize(
    ("options", "right"),
    [
        ({}, [1, 0, 0, 0]),
        ({"ignore_case": True}, [1, 1, 0, 0]),
        ({"ignore_punctuation": True}, [1, 0, 1, 0]),
        ({"ignore_numbers": True}, [1, 0, 0, 1]),
    ],
)
def test_exact_match_honors_its_options(options: dict[str, bool], right: list[int]) -> None:
    metric = Metric.model_validate({"metric": "exact_match", **options})
    assert text_scores(["gas", "Gas", "gas.", "gas2"], [["gas"]] * 4, metric).tolist() == right


def test_exact_match_ignores_text_that_a_pattern_matches() -> None:
    metric = Metric.model_validate({"metric": "exact_match", "regexes_to_ignore": [",", r"\$"]})
    assert text_scores(["$1,000", "1000."], [["1000"], ["1000"]], metric).tolist() == [1, 0]


def test_one_of_several_right_answers_is_enough() -> None:
    metric = Metric(metric="exact_match")
    assert text_scores(["b", "c"], [["a", "b"], ["a"]], metric).tolist() == [1, 0]
    # words: {the} cat sat / cat: 2 * 1 / (2 + 1); the best of the answers counts
    assert text_scores(["The cat sat.", "", ""], [["dog", "cat"], [","], ["x"]], Metric(metric="f1")).tolist() == (
        pytest.approx([2 / 3, 1, 0])
    )


def after(text: str, *steps: Mapping[str, object], options: Sequence[str] = ()) -> str:
    return filtered([text], [Filter.model_validate(step) for step in steps], [options])[0]


def test_filters_run_in_their_order() -> None:
    assert after(" Gas \n", {"function": "remove_whitespace"}, {"function": "lowercase"}) == "gas"
    assert after(" gas", {"function": "uppercase"}, {"function": "take_first"}) == " GAS"
    voted = ({"function": "take_first_k", "k": 1}, {"function": "majority_vote"}, {"function": "take_first"})
    assert after(" gas", *voted) == " gas"
    mapped = {"function": "map", "mapping_dict": {"gas": "oxygen"}, "default_value": "none"}
    assert (after("gas", mapped), after("air", mapped)) == ("oxygen", "none")


@pytest.mark.parametrize(
    ("text", "step", "found"),
    [
        ("so #### 1,234 then #### 5", {}, "1,234"),
        ("so #### 1,234 then #### 5", {"group_select": -1}, "5"),
        ("nothing", {}, "[invalid]"),
        ("nothing", {"fallback": " none "}, " none "),
        ("#### 5", {"group_select": 1}, "[invalid]"),
        ("is (B).", {"regex_pattern": r"is \(([A-D])\)|is ([A-D])"}, "B"),
        ("a ", {"regex_pattern": "(x?)(y?)"}, "[invalid]"),
        ("x: five ", {"regex_pattern": r": (.*)"}, "five"),
    ],
)
def test_a_pattern_finds_the_answer(text: str, step: dict[str, object], found: str) -> None:
    assert after(text, {"function": "regex", **step}) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("the answer is (C)", "(C)"),
        ("I think Oxygen gas, surely", "(B)"),
        ("it is: A", "(A)"),
        ("no idea", "[invalid]"),
    ],
)
def test_a_choice_is_found_by_letter_or_text(text: str, found: str) -> None:
    step = {
        "function": "multi_choice_regex",
        "regex_pattern": r"(\([A-D]\))",
        "ignore_case": True,
        "ignore_punctuation": True,
        "regexes_to_ignore": [" gas"],
    }
    assert after(text, step, options=["water", "oxygen.", "iron"]) == found


@pytest.mark.parametrize(
    ("pattern", "message"),
    [("(", "not a regular expression: missing"), ("(a+)+$", "takes more than 1 s on the text generated for item 0")],
)
def test_a_pattern_that_cannot_be_run_is_refused(pattern: str, message: str) -> None:
    with pytest.raises(SubmissionError, match=rf"^task\.yaml: filter_list: {message}"):
        after("a" * 40 + "b", {"function": "regex", "regex_pattern": pattern})


def test_texts_survive_packing() -> None:
    texts = ["", "\u00e9t\u00e9", "x\n", ""]
    assert unpacked("generation", packed("generation", texts)) == texts
