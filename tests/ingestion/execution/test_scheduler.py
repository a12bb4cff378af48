"""Who is asked what: everything once, whoever dies; long queues are shared, and one submission's failure is its own."""

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


def engine_group(root: Path, model: str, count: int, size: int, asked: int = 1) -> list[CheckpointWork]:
    """`count` checkpoints whose weights have `size` bytes each, to be asked `asked` evaluations."""
    made = []
    for iteration in range(1, count + 1):
        path = root / model / f"iter_{iteration}"
        path.mkdir(parents=True)
        (path / "model.safetensors").write_bytes(bytes(size))
        made.append(CheckpointWork(Checkpoint(model, iteration, 1000 * iteration, path), tuple(range(asked))))
    return made


def everywhere(workers: int, *engine_groups: list[CheckpointWork]) -> list[frozenset[Checkpoint]]:
    return [frozenset(work.checkpoint for engine_group in engine_groups for work in engine_group)] * workers


def answer_to(request: EvalRequest) -> EvalResult:
    return EvalResult(request.checkpoint, request.number, {"item_scores": np.zeros(1)}, 1, 0.1)


def asked(schedule: Schedule, worker_id: int) -> EvalRequest:
    request = schedule.next(worker_id)
    assert request is not None
    return request


def test_the_engine_group_with_most_bytes_comes_first(tmp_path: Path) -> None:
    many_small, few_large = engine_group(tmp_path, "small", 4, 10), engine_group(tmp_path, "large", 2, 100)
    assert shares([many_small, few_large], workers=2) == [few_large, many_small]


def test_what_is_asked_of_a_checkpoint_counts_as_its_bytes_do(tmp_path: Path) -> None:
    large, small = engine_group(tmp_path, "large", 2, 100), engine_group(tmp_path, "small", 2, 10, asked=20)
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


def test_nothing_left_to_do_is_no_share() -> None:
    assert shares([], workers=2) == []


def test_a_checkpoint_is_asked_everything_before_the_next_one(tmp_path: Path) -> None:
    works = engine_group(tmp_path, "only", 2, 10, asked=2)
    schedule = Schedule([works], everywhere(1, works))
    order = []
    while request := schedule.next(0):
        order.append((request.checkpoint.iteration, request.number, request.next_checkpoint))
        schedule.answered(0, answer_to(request))
    second = works[1].checkpoint
    assert order == [(1, 0, second), (1, 1, second), (2, 0, None), (2, 1, None)]


def test_one_with_nothing_left_takes_half_of_what_is_neither_asked_nor_read_ahead(tmp_path: Path) -> None:
    large, small = engine_group(tmp_path, "large", 6, 100), engine_group(tmp_path, "small", 1, 10)
    schedule = Schedule([large, small], everywhere(2, large, small))
    assert asked(schedule, 0).checkpoint.iteration == 1
    schedule.answered(1, answer_to(asked(schedule, 1)))
    stolen = asked(schedule, 1)
    assert (stolen.checkpoint.model, stolen.checkpoint.iteration) == ("large", 5)
    assert stolen.engine_group == 0
    rest = []
    while request := schedule.next(0):
        rest.append(request.checkpoint.iteration)
        schedule.answered(0, answer_to(request))
    assert rest == [2, 3, 4], "6 is what the thief reads ahead"


@pytest.mark.parametrize("seed", range(20))
def test_everything_is_answered_once_whoever_dies(tmp_path: Path, seed: int) -> None:
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
            schedule.hold(worker_id, everywhere(1, *engine_groups)[0])
            continue
        answers.update(
            (answer.checkpoint, answer.number) for answer in schedule.answered(worker_id, answer_to(request))
        )
    owed = [(work.checkpoint, number) for works in engine_groups for work in works for number in work.numbers]
    assert answers == Counter(owed)
    assert all(schedule.next(worker_id) is None for worker_id in range(workers))


def test_items_that_end_their_process_again_and_again_fail_and_others_go_on(tmp_path: Path) -> None:
    works = engine_group(tmp_path, "only", 3, 10, asked=2)
    schedule = Schedule([works], everywhere(1, works))
    for _ in range(DEATHS - 1):
        assert asked(schedule, 0).number == 0
        assert schedule.died(0, KILLED) == []
        schedule.hold(0, everywhere(1, works)[0])
    asked(schedule, 0)
    failures = schedule.died(0, KILLED)
    assert [(failed.checkpoint.iteration, failed.number) for failed in failures] == [(1, 0), (2, 0), (3, 0)]
    assert all(isinstance(failed, EvalFailure) and "SIGKILL" in str(failed.error) for failed in failures)
    schedule.hold(0, everywhere(1, works)[0])
    assert schedule.left == 3
    for iteration in (1, 2, 3):
        request = asked(schedule, 0)
        assert (request.checkpoint.iteration, request.number) == (iteration, 1)
        schedule.answered(0, answer_to(request))
    assert schedule.left == 0


def test_what_fails_once_is_asked_of_no_other_checkpoint(tmp_path: Path) -> None:
    works = engine_group(tmp_path, "only", 4, 10, asked=2)
    schedule = Schedule([works], everywhere(2, works))
    first, other = asked(schedule, 0), asked(schedule, 1)
    assert (first.number, other.number) == (0, 0)
    failed = EvalFailure(first.checkpoint, 0, SubmissionError("test.jsonl: too long"))
    assert len(schedule.answered(0, failed)) == 3, "itself and two that wait; the fourth is being asked"
    assert len(schedule.answered(1, replace_checkpoint(failed, other.checkpoint))) == 1
    assert schedule.left == 4


def replace_checkpoint(failed: EvalFailure, checkpoint: Checkpoint) -> EvalFailure:
    return EvalFailure(checkpoint, failed.number, failed.error)


def test_processes_that_die_of_everything_end_the_run(tmp_path: Path) -> None:
    works = engine_group(tmp_path, "only", 1, 10, asked=10)
    schedule = Schedule([works], everywhere(1, works))

    def die() -> None:
        for _ in range(10 * DEATHS):
            asked(schedule, 0)
            schedule.died(0, KILLED)
            schedule.hold(0, everywhere(1, works)[0])

    with pytest.raises(OrganizerError, match="whatever they are asked"):
        die()


def test_checkpoints_are_asked_where_they_are(tmp_path: Path) -> None:
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
