"""Memory: chunks that fit a device, and one more attempt with smaller ones when memory runs out."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from e2lm_ingestion.engines.memory import chunk_nodes, host_bytes_available, is_out_of_memory, retry_smaller
from e2lm_ingestion.errors import OrganizerError

TOO_LARGE = OrganizerError("too large")


def allocate(bytes_: int) -> int:
    """Take memory as a forward pass would; more than 2**60 bytes is more than any machine has."""
    return torch.empty(bytes_, dtype=torch.uint8).numel()


def test_memory_that_runs_out_is_recognized() -> None:
    with pytest.raises(RuntimeError) as raised:
        allocate(2**60)
    assert is_out_of_memory(raised.value)
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory."))
    assert not is_out_of_memory(RuntimeError("shape mismatch"))


def test_it_is_evaluated_once_more_with_a_smaller_size() -> None:
    sizes = [2**60, 2**10]
    assert retry_smaller(lambda: allocate(sizes[0]), lambda: sizes.reverse(), lambda: TOO_LARGE) == 2**10


def test_memory_that_runs_out_twice_is_an_error_in_plain_words() -> None:
    with pytest.raises(OrganizerError, match="too large"):
        retry_smaller(lambda: allocate(2**60), lambda: None, lambda: TOO_LARGE)


def test_other_errors_are_not_retried() -> None:
    def shape_mismatch() -> torch.Tensor:
        return torch.ones(2, 3) @ torch.ones(2, 3)

    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        retry_smaller(shape_mismatch, lambda: pytest.fail("made smaller"), lambda: TOO_LARGE)


@pytest.mark.parametrize(("width", "nodes"), [(128, 512), (896, 1024), (2048, 4096)])
def test_a_narrow_model_gets_smaller_chunks(width: int, nodes: int) -> None:
    config = SimpleNamespace(hidden_size=width, intermediate_size=4 * width, vocab_size=32_000, num_hidden_layers=4)
    assert chunk_nodes(config, parameters=10**8, element=2, context=2048, device_bytes=80e9) == nodes


def test_a_device_without_room_gets_the_smallest_chunks() -> None:
    config = SimpleNamespace(hidden_size=64, intermediate_size=None, vocab_size=32_000, num_hidden_layers=4)
    assert chunk_nodes(config, parameters=10**9, element=4, context=2048, device_bytes=1e9) == 256


def test_this_machine_says_how_much_memory_is_left() -> None:
    assert host_bytes_available() > 2**20
