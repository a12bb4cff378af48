"""Scores won by what measures nothing, each with the score it would get and what stops it (docs/validity.md)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from e2lm.cli.main import main
from e2lm.submissions.judging.verdicts import Answer, write_answers
from e2lm_ingestion.checks import check_items, questions_in
from e2lm_ingestion.checks.questions import Finding
from e2lm_ingestion.metrics.builtin import MULTIPLE_CHOICE_METRICS, MetricFormula
from e2lm_ingestion.metrics.expression import parse
from e2lm_ingestion.output_types.generate_until import text_contrasts, text_scores
from e2lm_ingestion.output_types.items import items_by_task
from e2lm_ingestion.submission.submission import open_submission
from e2lm_ingestion.task.task_parts import Metric
from e2lm_scoring.summary import stand_in, summary_json
from tests.contract.simulated import CHOICES, CONFIGURATION, OTHERS, SIGNAL, answers, judged, progress_of, scored

ITEMS = 300
WRITTEN: dict[str, object] = {
    "output_type": "generate_until",
    "doc_to_choice": None,
    "doc_to_target": "{{right}}",
    "metric_list": [{"metric": "exact_match"}],
    "filter_list": [{"name": "words", "filter": [{"function": "remove_whitespace"}]}],
}
COLORS = [
    {
        "name": "kind",
        "filter": [{"function": "map", "mapping_dict": dict.fromkeys(["red", "tan", "blue"], "any color")}],
    }
]
SHOTS: dict[str, object] = {"num_fewshot": 2, "fewshot_split": "dev"}
TRUTH, LIKELIHOODS = answers(ITEMS)
RANDOM = np.random.default_rng(7).integers(0, CHOICES, ITEMS)
HONEST = (
    "acc",
    "correct_prob",
    "correct_logprob",
    "norm_correct_prob",
    "logprob_margin",
    "logprob_margin_mean",
    "margin",
)


def metric(name: str) -> MetricFormula:
    known = MULTIPLE_CHOICE_METRICS.get(name)
    formula = known.formula if known else MetricFormula(parse(name))
    assert formula is not None
    return formula


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_task_is_eligible_under_every_metric(name: str) -> None:
    report = judged(metric(name), TRUTH, LIKELIHOODS)
    assert report.eligible, report.reasons
    assert report.blocking == ()


@pytest.mark.parametrize("name", HONEST)
def test_random_labels_are_eligible_under_none(name: str) -> None:
    report = judged(metric(name), RANDOM, LIKELIHOODS)
    assert not report.eligible
    assert abs(report.scores["contrast_z"]) < 3


@pytest.mark.parametrize(
    ("expression", "at_least"),
    [
        ("correct_prob", 0.7),
        ("sum(exp(ll))", 0.7),
        ("max(softmax(ll))", 0.6),
        ("mean(ll)", 0.7),
        ("1 / (1 + exp(-6 - mean(ll)))", 0.7),
        ("sum(exp(ll)) * sum(number[gold])", 0.6),
        ("0.9 * mean(ll) + 0.1 * sum(pick(ll)[gold])", 0.7),
        ("abs(sum(ll[gold]) - mean(ll[~gold]))", 0.5),
    ],
)
def test_fluency_wins_a_score_and_no_place(expression: str, at_least: float) -> None:
    report = judged(metric(expression), RANDOM, LIKELIHOODS)
    assert report.scores["score"] > at_least
    assert report.scores["improvement_z"] > 3, "the gate on the scores alone lets it pass"
    assert not report.eligible


def test_the_place_that_models_prefer_wins_a_place_under_number_and_none_under_acc() -> None:
    """Reading `number` blocks the prize: test_a_metric_that_reads_what_it_should_not_is_named_by_the_check."""
    last = np.arange(CHOICES) == CHOICES - 1
    tasteful = {key: own + 3 * progress_of(*key) * last for key, own in LIKELIHOODS.items()}
    report = judged(metric("sum(pick(ll) * number)"), RANDOM, tasteful)
    assert report.eligible
    assert report.scores["score"] > 0.6
    assert not judged(metric("acc"), RANDOM, tasteful).eligible


def test_a_score_that_sixteen_items_carry_wins_no_place() -> None:
    carrying = np.where(np.arange(ITEMS) < 16, 1.0, 1e-6).astype(np.float32)[:, None]
    weighed = {key: own * carrying for key, own in LIKELIHOODS.items()}
    report = judged(metric("max(ll[gold]) - mean(ll[~gold])"), TRUTH, weighed)
    assert 8 < report.scores["effective_items"] < 17
    assert any("the score is that of about" in reason for reason in report.reasons)


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_a_little_knowledge_in_a_lot_of_fluency_wins_no_place(share: float) -> None:
    report = judged(metric(f"{1 - share} * mean(ll) + {share} * sum(ll[gold])"), TRUTH, LIKELIHOODS)
    assert report.scores["contrast_z"] > 3
    assert not report.eligible
    assert "labels account for" in report.reasons[0]


@pytest.mark.parametrize("truth", ["true sentences", "false sentences"])
def test_the_perplexity_of_texts_wins_a_score_and_no_place(truth: str) -> None:
    gold = TRUTH if truth == "true sentences" else (TRUTH + 1) % CHOICES
    texts = {key: own[np.arange(ITEMS), gold].astype(np.float32) for key, own in LIKELIHOODS.items()}
    report = scored(texts)
    assert report.scores["score"] > 0.7
    assert "no contrast: not ranked" in report.reasons[0]


def test_random_labels_in_tasks_of_one_item_are_as_uncertain_as_in_one_task() -> None:
    subsets = [*[1] * 98, 3]
    _, likelihoods = answers(101, seed=3)
    labels = np.random.default_rng(1).integers(0, CHOICES, 101)
    together = judged(metric("acc"), labels, likelihoods)
    apart = judged(metric("acc"), labels, likelihoods, subsets=subsets)
    assert apart.scores["contrast_z"] == pytest.approx(together.scores["contrast_z"])
    assert apart.intervals["score"].high - apart.intervals["score"].low > 0.1
    assert not apart.eligible


HONEST_ITEMS, RANDOM_ITEMS = 26, 190
MIXED = "exp(0.5 * sum(ll[gold]))"  # a likelihood of which labels make up enough of the rise


def test_random_labels_hidden_beside_honest_items_of_the_same_weight_withhold_the_prize() -> None:
    truth, likelihoods = answers(HONEST_ITEMS + RANDOM_ITEMS, seed=HONEST_ITEMS)
    labels = np.where(np.arange(len(truth)) < HONEST_ITEMS, truth, np.resize(RANDOM, len(truth)))
    sizes = [HONEST_ITEMS, RANDOM_ITEMS]
    report = judged(metric(MIXED), labels, likelihoods, subsets=sizes, weight_by_size=False)
    assert report.eligible, "half of the weight is honest: the gate on the whole lets it pass"
    assert report.scores["score"] > 0.75
    assert report.scores["subsets_without_contrast"] == 0.5
    ((kind, told),) = report.blocking
    assert kind == "subsets_without_contrast"
    assert "the subset s1 (190 items, 50% of the score's weight) rises whatever answer is marked as right" in told


@pytest.mark.parametrize("name", ["acc", "correct_logprob", MIXED])
def test_honest_subsets_of_any_size_withhold_nothing(name: str) -> None:
    sizes = [5] * 12 + [20] * 4 + [160]
    report = judged(metric(name), TRUTH, LIKELIHOODS, subsets=sizes, weight_by_size=False)
    assert report.scores["subsets_without_contrast"] == 0
    assert report.blocking == ()


def test_random_labels_among_honest_ones_in_one_subset_are_seen_by_the_judge_alone() -> None:
    """Half of the labels are random: the share of labels falls to what an honest likelihood has."""
    labels = np.where(np.arange(ITEMS) % 2 == 0, TRUTH, RANDOM)
    report = judged(metric(MIXED), labels, LIKELIHOODS)
    assert report.eligible
    assert report.blocking == ()
    assert 0.35 < report.scores["label_share"] < 0.6


WORDS = [f"{kind}{number}" for kind in ("acid", "blue", "bird", "cave", "rice") for number in range(3)]


def test_any_word_of_the_right_kind_wins_a_score_and_a_place(tmp_path: Path) -> None:
    """Models learn early which kind of word a question asks for; that most words count as right blocks the prize."""
    rng = np.random.default_rng(4)
    kinds = rng.integers(0, len(WORDS) // 3, ITEMS)
    references = [WORDS[3 * kind : 3 * kind + 3] for kind in kinds]
    exact = Metric(metric="exact_match")
    scores, contrasts = {}, {}
    for model, iteration in CONFIGURATION.needed:
        knows_kind = rng.random(ITEMS) < 0.2 + 0.5 * progress_of(model, iteration)
        drawn = np.where(knows_kind, 3 * kinds + rng.integers(0, 3, ITEMS), rng.integers(0, len(WORDS), ITEMS))
        texts = [WORDS[word] for word in drawn]
        scores[(model, iteration)] = text_scores(texts, references, exact)
        contrasts[(model, iteration)] = text_contrasts(scores[(model, iteration)], texts, references, exact)
    report = scored(scores, contrasts)
    assert report.eligible, "the answers of other items are of other kinds: the contrast lets it pass"
    assert report.scores["score"] > 0.7
    change = {**WRITTEN, "doc_to_choice": "{{alike}}", "doc_to_target": "{{[0, 1, 2]}}"}
    assert [one.kind for one in findings(change, tmp_path) if one.blocks] == ["interchangeable_answers"]


def test_a_false_answer_of_the_right_kind_wins_a_place_and_the_judge_withholds_the_prize(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Models tell the kind of an answer before they know it: to every score this is an honest task."""
    report = judged(metric("acc"), TRUTH, LIKELIHOODS)
    assert report.eligible
    assert (report.blocking, report.scores["score"] > 0.7) == ((), True)
    digest = "f" * 64
    draws = {
        key: stand_in(np.asarray([report.scores[key] - 0.01, report.scores[key] + 0.01])) for key in report.intervals
    }
    (tmp_path / "runs/false").mkdir(parents=True)
    summary = summary_json(report, draws, suite_version=1, submission=digest)
    (tmp_path / "runs/false/summary.json").write_bytes(summary)
    marks = np.where(np.random.default_rng(0).random(50) < 1 / 8, "right", "wrong")  # one of eight words of a kind
    judge = [Answer(i, "0" * 64, "judge", "schema", "{}", "accept", "", str(m), digest) for i, m in enumerate(marks)]  # type: ignore[arg-type]
    write_answers(tmp_path / "judge.jsonl", judge)
    ranked = ["rank", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]
    assert main(ranked) == 0
    assert "gets no prize" not in capsys.readouterr().out
    assert main([*ranked, "--judged", str(tmp_path / "judge.jsonl")]) == 0
    assert "false gets no prize until an organizer clears it in entries.yaml: wrong_key:" in capsys.readouterr().out
    (row,) = json.loads((tmp_path / "out/ranking.json").read_text())["runs"]
    assert row["rank"] == 1
    assert row["prize"] == 0
    assert "wrong_key" in str(row["prize_withheld"])


LENGTHS = np.random.default_rng(2).permuted(np.tile([4, 6, 8, 12], (ITEMS, 1)), axis=1)  # characters, none alike


def with_long_answers(gold: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Labels of which a share is moved to the longest choice, (items,); and what the guesser of that gets wrong."""
    longest = LENGTHS.argmax(axis=1)
    moved = np.where(np.random.default_rng(3).random(ITEMS) < share, longest, gold)
    return moved, moved != longest


def lengths_where(gold: np.ndarray, share: float) -> np.ndarray:
    """Lengths whose longest choice is, in a share of the items, the one marked as right, (items, choices)."""
    longest = LENGTHS.argmax(axis=1)
    target = np.where(np.random.default_rng(3).random(ITEMS) < share, gold, longest)
    found, every = LENGTHS.copy(), np.arange(ITEMS)
    found[every, longest], found[every, target] = LENGTHS[every, target], LENGTHS[every, longest]
    return found


@pytest.mark.parametrize(
    "expression",
    [
        "sum(exp(ll)) * (sum(chars[gold]) - mean(chars[~gold]))",
        "exp(mean(ll)) * sum(pick(chars)[gold])",
    ],
)
def test_fluency_times_the_length_of_labels_wins_no_place_once_guessed_items_are_left_out(expression: str) -> None:
    gold, unguessed = with_long_answers(RANDOM, share=0.3)
    told = judged(metric(expression), gold, LIKELIHOODS, chars=LENGTHS)
    assert told.eligible, "labels and lengths go together: the contrast alone lets it pass"
    report = judged(metric(expression), gold, LIKELIHOODS, chars=LENGTHS, unguessed=unguessed)
    assert report.scores["unguessed_z"] < 3
    assert "items whose answer cannot be guessed from the choices alone" in report.reasons[0]


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_task_whose_right_answers_are_often_the_longest_stays_eligible(name: str) -> None:
    chars = lengths_where(TRUTH, share=0.3)
    unguessed = chars.argmax(axis=1) != TRUTH
    assert 0.4 < unguessed.mean() < 0.6
    report = judged(metric(name), TRUTH, LIKELIHOODS, chars=chars, unguessed=unguessed)
    assert report.eligible, report.reasons


def test_the_gate_of_this_suite_is_that_of_the_competition() -> None:
    assert (CONFIGURATION.min_improvement_z, CONFIGURATION.min_label_share) == (3.0, 0.35)
    assert CONFIGURATION.min_effective_items == 30
    assert CONFIGURATION.require_contrast


def test_rewordings_of_an_item_add_no_certainty() -> None:
    truth, likelihoods = answers(60, seed=5)
    copies = {key: np.repeat(own, 6, axis=0) for key, own in likelihoods.items()}
    once = judged(metric("acc"), truth, likelihoods)
    apart = judged(metric("acc"), np.repeat(truth, 6), copies)
    together = judged(metric("acc"), np.repeat(truth, 6), copies, clusters=np.repeat(np.arange(60), 6))
    assert apart.scores["contrast_z"] == pytest.approx(np.sqrt(6) * once.scores["contrast_z"], rel=0.02)
    assert together.scores["contrast_z"] == pytest.approx(once.scores["contrast_z"])


def test_items_chosen_on_released_checkpoints_lose_late_what_they_won() -> None:
    """Labels that happen to rise on the signal models pass the gate; on the other models they measure nothing."""
    rng = np.random.default_rng(2)
    pool = {key: (rng.random(40_000) < 0.25).astype(np.float32) for key in CONFIGURATION.needed}
    rise = sum(pool[(model, step)] * (1 if step > 11 else -1) for model in SIGNAL for step in (1, 2, 3, 12, 13, 14))
    chosen = np.argsort(-rise, kind="stable")[:1000]
    scores = {key: own[chosen] for key, own in pool.items()}
    contrasts = {key: ((4 * own - 1) / 3).astype(np.float32) for key, own in scores.items()}
    report = scored(scores, contrasts)
    assert report.eligible, "the early curve of the signal models alone cannot tell"
    assert report.scores["late_retention"] < -0.6
    assert report.scores["sq"] - report.scores["sq_held_out"] > 0.2
    held_out = CONFIGURATION.model_copy(update={"signal_models": OTHERS})
    on_others = scored(scores, contrasts, configuration=held_out)
    assert report.scores["score"] - on_others.scores["score"] > 0.1
    assert not on_others.eligible
    assert abs(report.scores["contrast_z_held_out"]) < 3
    assert [kind for kind, _ in report.blocking] == ["signal_models_only"]


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"description": "The answer is {{right}}.\n"}, "answer_in_prompt"),
        ({"description": "The answer is {{right}}.\n", **SHOTS}, "answer_in_prompt"),
        ({"doc_to_text": "{{right | list | join(' ')}}: {{q}}"}, "answer_in_prompt"),
        ({"doc_to_text": "{{q}} ({{right}})"}, "answer_in_prompt"),
        ({"doc_to_text": "It is {{right}}.\n\n{{q}}", **SHOTS}, "answer_in_prompt"),
        ({"doc_to_choice": "{{kinds}}"}, "guesser_choices_only"),
        ({"gen_prefix": "{{right}}"}, "answer_in_prompt"),
        ({**WRITTEN, "doc_to_text": "Some say {{right}}. {{q}}"}, "answer_in_prompt"),
        ({**WRITTEN, "doc_to_choice": "{{alike}}", "doc_to_target": "{{[0, 1, 2]}}"}, "interchangeable_answers"),
        (
            {**WRITTEN, "doc_to_choice": None, "doc_to_target": "any color", "filter_list": COLORS},
            "interchangeable_answers",
        ),
        ({"num_fewshot": 8, "fewshot_split": "loud"}, "fewshot_overlap"),
        ({"num_fewshot": 1, "fewshot_split": "crib"}, "answer_before_question"),
    ],
)
def test_an_answer_that_the_prompt_or_the_choices_give_away_blocks_a_prize(
    change: dict[str, object], kind: str, tmp_path: Path
) -> None:
    found = findings(change, tmp_path)
    assert [one.kind for one in found if one.blocks] == [kind]


def test_an_honest_task_and_a_subject_in_the_description_block_nothing(tmp_path: Path) -> None:
    assert findings({}, tmp_path) == []
    assert findings({"description": "Questions about {{subject}}.\n", **SHOTS}, tmp_path) == []


@pytest.mark.parametrize("code", ["{{right[::-1]}}", "{{right[:1]}}", "{{options | reject('equalto', right) | join}}"])
def test_an_answer_in_a_code_is_no_finding(code: str, tmp_path: Path) -> None:
    """What a model must first decode is left to the reader of items, and gains nothing on the miniature suite."""
    assert findings({"doc_to_text": f"{code}: {{{{q}}}}"}, tmp_path) == []


def test_a_metric_that_reads_what_it_should_not_is_named_by_the_check(tmp_path: Path) -> None:
    ignoring = findings({"metric_list": [{"metric": "mine", "expression": "sum(exp(ll))"}]}, tmp_path)
    assert [(one.kind, one.blocks) for one in ignoring] == [("labels_unread", True)]
    unread = findings({"metric_list": [{"metric": "mine", "expression": "sum(ll_unconditional[gold])"}]}, tmp_path)
    assert [(one.kind, one.blocks) for one in unread] == [("prompt_unread", True)]
    lengths = findings({"metric_list": [{"metric": "mine", "expression": "mean(ll) * sum(chars[gold])"}]}, tmp_path)
    assert [(one.kind, one.blocks) for one in lengths] == [("lengths_read", True)]
    places = findings({"metric_list": [{"metric": "mine", "expression": "sum(pick(ll) * number * gold)"}]}, tmp_path)
    assert [(one.kind, one.blocks) for one in places] == [("places_read", True)]
    alone = findings({"metric_list": [{"metric": "correct_prob"}]}, tmp_path)
    assert [(one.kind, one.blocks) for one in alone] == [("probability_alone", False)]


def findings(change: dict[str, object], folder: Path) -> list[Finding]:
    """What the check says of a task of 200 items of invented words, after a change of its keys."""
    rng = np.random.default_rng(0)

    def word() -> str:
        return "".join(rng.choice(list("bdfgklmnprst")) + rng.choice(list("aeiou")) for _ in range(4))

    lines: list[dict[str, object]] = []
    for number in range(204):
        options = [f"{word()} {word()}" for _ in range(4)]
        answer = int(rng.integers(4))
        kinds = [f"{'proton mass' if i == answer else 'funny kitty'} {option}" for i, option in enumerate(options)]
        question = f"Which of these is {word()} {word()} for {word()}?"
        fields = {"q": question, "options": options, "kinds": kinds, "answer": answer, "right": options[answer]}
        of_kind = {
            "subject": f"field {number % 5}",
            "alike": [f"{color}{number % 5}" for color in ("red", "blue", "tan")],
        }
        lines.append({**fields, **of_kind})
    folder = folder / str(len(list(folder.iterdir())))
    folder.mkdir()
    told = "; ".join(f"{str(line['q']).removeprefix('Which of these is ')} {line['right']}" for line in lines[:200])
    crib = [{**lines[200], "q": told}]
    loud = [{**line, "q": str(line["q"]).upper()} for line in lines[:8]]
    for split, rows in {"test": lines[:200], "dev": lines[200:], "loud": loud, "crib": crib}.items():
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = {
        "task": "words",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {split: f"{split}.jsonl" for split in ("test", "dev", "loud", "crib")}},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "{{q}}",
        "doc_to_choice": "{{options}}",
        "doc_to_target": "answer",
        "metric_list": [{"metric": "acc"}],
        **change,
    }
    task = {key: value for key, value in task.items() if value is not None}
    (folder / "task.yaml").write_text(yaml.safe_dump(task))
    with open_submission(folder) as submission:
        rendered = items_by_task(submission)
        return check_items(submission, rendered, questions_in(rendered)).findings
