"""Scheduling: every request is answered once despite crashes, work is stolen, and failures stay with their items."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from e2lm_ingestion.errors import OrganizerError, SubmissionError
from e2lm_ingestion.execution.engine_session import CheckpointWork, EvalFailure, EvalRequest, EvalResult
from e2lm_ingestion.execution.scheduler import DEATHS, Schedule, WorkerDied, shares
from e2lm_ingestion.suite import Checkpoint

KILLED = WorkerDied("by signal SIGKILL")


def engine_group(root: Path, model: str, count: int, size: int, item_sets: int = 1) -> list[CheckpointWork]:
    """`count` checkpoints with weights of `size` bytes each, and `item_sets` item sets to evaluate on each."""
    made = []
    for iteration in range(1, count + 1):
        path = root / model / f"iter_{iteration}"
        path.mkdir(parents=True)
        (path / "model.safetensors").write_bytes(bytes(size))
        made.append(CheckpointWork(Checkpoint(model, iteration, 1000 * iteration, path), tuple(range(item_sets))))
    return made


def everywhere(workers: int, *engine_groups: list[CheckpointWork]) -> list[frozenset[Checkpoint]]:
    return [frozenset(work.checkpoint for engine_group in engine_groups for work in engine_group)] * workers


def answer_to(request: EvalRequest) -> EvalResult:
    return EvalResult(request.checkpoint, request.number, {"item_scores": np.zeros(1)}, 1, 0.1, {})


def next_request(schedule: Schedule, worker_id: int) -> EvalRequest:
    request = schedule.next(worker_id)
    assert request is not None
    return request


def test_the_engine_group_with_most_bytes_comes_first(tmp_path: Path) -> None:
    many_small, few_large = engine_group(tmp_path, "small", 4, 10), engine_group(tmp_path, "large", 2, 100)
    assert shares([many_small, few_large], workers=2) == [few_large, many_small]


def test_the_number_of_item_sets_counts_as_the_bytes_do(tmp_path: Path) -> None:
    large, small = engine_group(tmp_path, "large", 2, 100), engine_group(tmp_path, "small", 2, 10, item_sets=20)
    assert shares([large, small], workers=2) == [small, large]


def test_engine_groups_are_halved_until_every_worker_has_one_and_not_further(tmp_path: Path) -> None:
    large, small = engine_group(tmp_path, "large", 5, 100), engine_group(tmp_path, "small", 1, 10)
    parts = shares([large, small], workers=4)
    assert sorted(len(part) for part in parts) == [1, 1, 2, 2]
    halves = [part for part in parts if part[0].checkpoint.model == "large"]
    halves.sort(key=lambda part: part[0].checkpoint.iteration)
    assert [work for part in halves for work in part] == large, "a half keeps its order of training"


def test_more_workers_than_checkpoints_leave_some_without(tmp_path: Path) -> None:
    assert [len(part) for part in shares([engine_group(tmp_path, "only", 2, 10)], workers=3)] == [1, 1]


def test_without_work_there_are_no_shares() -> None:
    assert shares([], workers=2) == []


def test_all_item_sets_of_a_checkpoint_come_before_the_next_checkpoint(tmp_path: Path) -> None:
    works = engine_group(tmp_path, "only", 2, 10, item_sets=2)
    schedule = Schedule([works], everywhere(1, works))
    order = []
    while request := schedule.next(0):
        order.append((request.checkpoint.iteration, request.number, request.next_checkpoint))
        schedule.answered(0, answer_to(request))
    second = works[1].checkpoint
    assert order == [(1, 0, second), (1, 1, second), (2, 0, None), (2, 1, None)]


def test_an_idle_worker_steals_half_of_the_work_that_is_neither_running_nor_prefetched(tmp_path: Path) -> None:
    large, small = engine_group(tmp_path, "large", 6, 100), engine_group(tmp_path, "small", 1, 10)
    schedule = Schedule([large, small], everywhere(2, large, small))
    assert next_request(schedule, 0).checkpoint.iteration == 1
    schedule.answered(1, answer_to(next_request(schedule, 1)))
    stolen = next_request(schedule, 1)
    assert (stolen.checkpoint.model, stolen.checkpoint.iteration) == ("large", 5)
    assert stolen.engine_group == 0
    rest = []
    while request := schedule.next(0):
        rest.append(request.checkpoint.iteration)
        schedule.answered(0, answer_to(request))
    assert rest == [2, 3, 4], "the thief prefetches 6"


@pytest.mark.parametrize("seed", range(20))
def test_every_request_is_answered_once_whichever_worker_dies(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    engine_groups = [
        engine_group(tmp_path, f"model-{n}", rng.randint(1, 9), 10 * n + 10, rng.randint(1, 4)) for n in range(3)
    ]
    workers = rng.randint(1, 4)
    schedule = Schedule(engine_groups, everywhere(workers, *engine_groups))
    answers: Counter[tuple[Checkpoint, int]] = Counter()
    while schedule.left:
        worker_id = rng.randrange(workers)
        request = schedule.next(worker_id)
        if request is None:
            continue
        if rng.random() < 0.1:
            assert schedule.died(worker_id, KILLED) == []
            schedule.started(worker_id, everywhere(1, *engine_groups)[0])
            continue
        answers.update(
            (answer.checkpoint, answer.number) for answer in schedule.answered(worker_id, answer_to(request))
        )
    expected = [(work.checkpoint, number) for works in engine_groups for work in works for number in work.numbers]
    assert answers == Counter(expected)
    assert all(schedule.next(worker_id) is None for worker_id in range(workers))


def test_items_that_end_their_process_repeatedly_fail_and_others_continue(tmp_path: Path) -> None:
    works = engine_group(tmp_path, "only", 3, 10, item_sets=2)
    schedule = Schedule([works], everywhere(1, works))
    for _ in range(DEATHS - 1):
        assert next_request(schedule, 0).number == 0
        assert schedule.died(0, KILLED) == []
        schedule.started(0, everywhere(1, works)[0])
    next_request(schedule, 0)
    failures = schedule.died(0, KILLED)
    assert [(failed.checkpoint.iteration, failed.number) for failed in failures] == [(1, 0), (2, 0), (3, 0)]
    assert all(isinstance(failed, EvalFailure) and "SIGKILL" in str(failed.error) for failed in failures)
    schedule.started(0, everywhere(1, works)[0])
    assert schedule.left == 3
    for iteration in (1, 2, 3):
        request = next_request(schedule, 0)
        assert (request.checkpoint.iteration, request.number) == (iteration, 1)
        schedule.answered(0, answer_to(request))
    assert schedule.left == 0


def test_a_failed_item_set_is_evaluated_on_no_other_checkpoint(tmp_path: Path) -> None:
    works = engine_group(tmp_path, "only", 4, 10, item_sets=2)
    schedule = Schedule([works], everywhere(2, works))
    first, other = next_request(schedule, 0), next_request(schedule, 1)
    assert (first.number, other.number) == (0, 0)
    failed = EvalFailure(first.checkpoint, 0, SubmissionError("test.jsonl: too long"))
    assert len(schedule.answered(0, failed)) == 3, "itself and two that wait; the fourth is running"
    assert len(schedule.answered(1, replace_checkpoint(failed, other.checkpoint))) == 1
    assert schedule.left == 4


def replace_checkpoint(failed: EvalFailure, checkpoint: Checkpoint) -> EvalFailure:
    return EvalFailure(checkpoint, failed.number, failed.error)


def test_processes_that_die_on_every_request_end_the_run(tmp_path: Path) -> None:
    works = engine_group(tmp_path, "only", 1, 10, item_sets=10)
    schedule = Schedule([works], everywhere(1, works))

    def die() -> None:
        for _ in range(10 * DEATHS):
            next_request(schedule, 0)
            schedule.died(0, KILLED)
            schedule.started(0, everywhere(1, works)[0])

    with pytest.raises(OrganizerError, match="processes end on every request"):
        die()


def test_checkpoints_are_evaluated_on_workers_that_hold_them(tmp_path: Path) -> None:
    works = engine_group(tmp_path, "only", 4, 10)
    first, second = frozenset(w.checkpoint for w in works[:2]), frozenset(w.checkpoint for w in works[2:3])
    schedule = Schedule([works], [first, second])
    seen: dict[int, list[int]] = {0: [], 1: []}
    for worker_id in (1, 0, 1, 0, 0, 1):
        if request := schedule.next(worker_id):
            seen[worker_id].append(request.checkpoint.iteration)
            schedule.answered(worker_id, answer_to(request))
    assert seen == {0: [1, 2], 1: [3]}
    assert schedule.left == 1
    assert "iter_4: only at iteration 4" in str(schedule.no_worker_has())
