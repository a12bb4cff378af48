"""Run the command that follows and append its exit code, processor seconds and memory to the file named first.

The peak memory of a process begins with that of the one that starts it, and a test run is large: this one is small.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys


def main() -> None:
    """Returns when the command has ended, however it did."""
    process = subprocess.Popen(sys.argv[2:])
    _, status, usage = os.wait4(process.pid, 0)
    memory = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    with open(sys.argv[1], "w") as report:
        json.dump([os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, memory], report)


if __name__ == "__main__":
    main()
