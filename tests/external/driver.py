"""Runs commands of Tavus' own CLI in one process: reads arguments as lines of JSON, writes exit codes and output."""

from __future__ import annotations

import json
import sys

from tavus_mcp.cli.main import app  # type: ignore[import-not-found]
from typer.testing import CliRunner  # type: ignore[import-not-found]

runner = CliRunner()
for line in sys.stdin:
    result = runner.invoke(app, json.loads(line))
    told = {"code": result.exit_code, "out": result.stdout, "err": f"{result.stderr} {result.exception or ''}"}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
