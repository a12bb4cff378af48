"""The figures of this machine: plausible, and measured in about a second."""

from __future__ import annotations

import time

import pytest
import torch

from e2lm.submissions.checks.this_machine import this_machine


@pytest.mark.parametrize("parameters", [150e3, 1e9])
def test_this_machine_is_measured_in_seconds(parameters: float) -> None:
    torch.ones(1).sum()  # the start of torch is not measured
    begun = time.process_time()
    machine = this_machine(parameters, 2)
    assert 1e8 < machine.hardware.operations < 1e16
    assert 1e8 < machine.hardware.bandwidth < 1e14
    assert (machine.kind, machine.devices) == ("this", 2)
    assert machine.label.startswith("2 machines like this one (")
    assert (time.process_time() - begun) / torch.get_num_threads() < 10


def test_the_processor_is_measured_where_it_is_asked_for() -> None:
    machine = this_machine(150e3, processor=True)
    assert machine.label == f"this machine (its CPU, {torch.get_num_threads()} cores)"
    assert machine.hardware.bytes_a_parameter == 4
