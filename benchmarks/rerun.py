"""Compares `e2lm rerun` killed repeatedly with an undisturbed one, and one rerun with as many single runs.

usage: python benchmarks/rerun.py kills [--submissions 20] [--kills 5] [--suite miniature]
       python benchmarks/rerun.py time [--submissions 20] [--alone 4] [--engine vllm] [--suite miniature]

Each submission is 100 random items of the starting kit's examples. `kills` sends SIGKILL to actors of a local Ray
cluster of two, and to the driver, in turn, each time after a random number of finished checkpoints, and compares every
file with those of an undisturbed run in one process. All of them compute with one thread: on a CPU, the number of
threads changes the order of summation.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[1] / "starting_kit/examples"
SEED = 0
MINUTES = re.compile(rb'"minutes": [0-9.e-]+|<code>minutes</code></th><td class="number">[0-9.,]+')


def main() -> None:
    """Run one of the two benchmarks and print its figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("what", choices=("kills", "time"))
    parser.add_argument("--submissions", type=int, default=20)
    parser.add_argument("--alone", type=int, help="time: how many are run alone; the others are extrapolated")
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--suite", default="miniature")
    parser.add_argument("--engine", default="auto")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="e2lm-benchmark-") as name:
        folder = Path(name)
        made = make_submissions(folder / "submissions", args.submissions)
        options = ["--suite", args.suite, "--engine", args.engine]
        if args.what == "kills":
            os.environ["OMP_NUM_THREADS"] = "1"
        begun = time.perf_counter()
        run(["rerun", str(folder / "submissions"), "--out", str(folder / "together"), *options])
        together = time.perf_counter() - begun
        print(f"one rerun of {len(made)} submissions: {together:.0f} s", flush=True)
        if args.what == "time":
            compare_with_single_runs(folder, made, made[: args.alone], options, together)
        else:
            kill_and_compare(folder, options, args.kills)


def compare_with_single_runs(
    folder: Path, made: list[Path], alone: list[Path], options: list[str], together: float
) -> None:
    """Run some of the submissions one by one; print how much longer all would take, and whether the files are equal."""
    begun = time.perf_counter()
    for submission in alone:
        run(["run", str(submission), "--out", str(folder / "alone" / submission.name), *options])
    seconds = time.perf_counter() - begun
    ratio = seconds / len(alone) * len(made) / together
    print(f"{len(alone)} single runs: {seconds:.0f} s; {len(made)} would take {ratio:.1f} times as long as the rerun")
    expected, kept = files(folder / "alone"), files(folder / "together")
    if different := sorted(name for name in expected if kept.get(name) != expected[name]):
        sys.exit("\n".join([f"{len(different)} of {len(expected)} files differ:", *different]))
    print(f"{len(expected)} files are equal byte for byte")


def make_submissions(folder: Path, count: int) -> list[Path]:
    """Folders of 100 items each, drawn with a fixed seed."""
    examples = sorted(path for path in EXAMPLES.iterdir() if path.is_dir())
    made = []
    for number in range(count):
        rng = random.Random(number)
        example = examples[number % len(examples)]
        made.append(folder / f"{example.name}-{number:02d}")
        shutil.copytree(example, made[-1])
        lines = (example / "test.jsonl").read_text(encoding="utf-8").splitlines()
        (made[-1] / "test.jsonl").write_text("\n".join(rng.sample(lines, 100)) + "\n", encoding="utf-8")
    return made


def kill_and_compare(folder: Path, options: list[str], kills: int) -> None:
    """Rerun on two actors, killed `kills` times, and compare with folder/together."""
    out, rng = folder / "killed", random.Random(SEED)
    command = ["rerun", str(folder / "submissions"), "--out", str(out), "--ray", "local", "--workers", "2", *options]
    process = start(command)
    for kill in range(kills):
        aim = finished(out) + rng.randint(1, finished(folder / "together") // (kills + 1))
        while finished(out) < aim and process.poll() is None:
            time.sleep(0.01)
        if process.poll() is not None:
            sys.exit(f"the rerun ended before kill {kill + 1}")
        actors = actors_of(process.pid)
        victim = process.pid if kill % 2 else rng.choice(actors)
        os.kill(victim, signal.SIGKILL)
        print(f"killed {'the driver' if victim == process.pid else 'an actor'} at {finished(out)}", flush=True)
        if victim == process.pid:
            process.wait()
            process = start(command)
    if process.wait() != 0:
        sys.exit(f"the rerun failed with {process.returncode}")
    kept, expected = files(out), files(folder / "together")
    if different := sorted(name for name in kept.keys() | expected.keys() if kept.get(name) != expected.get(name)):
        sys.exit("\n".join([f"{len(different)} of {len(expected)} files differ:", *different]))
    repeated = finished(out) - finished(folder / "together")
    print(f"{len(expected)} files are equal byte for byte; {repeated} checkpoints were computed twice")


def files(out: Path) -> dict[str, bytes]:
    """Every file but the journals, which hold timings; the duration of the run is removed from the content."""
    found = [path for path in out.rglob("*") if path.is_file() and path.name != "progress.jsonl"]
    contents = {str(path.relative_to(out)): path.read_bytes() for path in found}
    return {name: MINUTES.sub(b"", content) for name, content in contents.items()}


def finished(out: Path) -> int:
    """Number of finished checkpoints: lines of all journals without their headers."""
    return sum(path.read_bytes().count(b"\n") - 1 for path in out.glob("*/results/progress.jsonl"))


def actors_of(driver: int) -> list[int]:
    """Process numbers of the actors that a driver's own cluster runs."""
    parents, actors = {}, []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                if (entry / "cmdline").read_text().startswith("ray::Actor"):
                    actors.append(int(entry.name))
            except OSError:  # the process has ended meanwhile
                continue

    def descends(process: int) -> bool:
        while process in parents and process != driver:
            process = parents[process]
        return process == driver

    return sorted(actor for actor in actors if descends(actor))


def start(arguments: list[str]) -> subprocess.Popen[bytes]:
    """Start e2lm; its output is not shown."""
    command = [sys.executable, "-m", "e2lm", *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def run(arguments: list[str]) -> None:
    """Run e2lm to its end."""
    done = subprocess.run([sys.executable, "-m", "e2lm", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"e2lm {' '.join(arguments)} failed:\n{done.stderr[-2000:]}")


if __name__ == "__main__":
    main()
