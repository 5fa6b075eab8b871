"""Runs a command (its arguments) and prints exit code, seconds, CPU seconds and megabytes as JSON on the last line.

This is a separate process, because the memory of a large parent would be counted as memory of its children.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time

began = time.perf_counter()
ended = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, check=False)
wall = time.perf_counter() - began
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([ended.returncode, wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]), flush=True)
