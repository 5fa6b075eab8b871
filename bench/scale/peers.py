"""Comparable tools: octoDNS for the files, Terraform for the plan, each with the same number of objects."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.scale.account import persona

CACHE = Path(__file__).parents[1] / ".cache"
OCTODNS = "octodns==1.22.0"
Run = tuple[Sequence[str], Path, Mapping[str, str]]

OCTODNS_CONFIG = """\
providers:
  files: {class: octodns.provider.yaml.YamlProvider, directory: files}
  live: {class: octodns.provider.yaml.YamlProvider, directory: live}
zones:
  example.com.: {sources: [files], targets: [live]}
"""


def octodns(folder: Path, objects: int) -> Run:
    """A plan of octoDNS for so many TXT records of 200 characters, from files to files, without a network."""
    target = CACHE / OCTODNS.replace("==", "-")
    if not target.exists():
        install = [sys.executable, "-I", "-m", "pip", "install", "--quiet", "--target", str(target), OCTODNS]
        subprocess.run(install, check=True)
    records = "".join(
        f"guide-{number:05}:\n  type: TXT\n  value: {'guide ' * 33}{number}\n" for number in range(objects)
    )
    for name in ("files", "live"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "example.com.yaml").write_text(f"---\n{records}")
    (folder / "octodns.yaml").write_text(OCTODNS_CONFIG)
    command = [sys.executable, "-P", "-m", "octodns.cmds.sync", "--config-file", "octodns.yaml", "--quiet"]
    return command, folder, {**_inherited(), "PYTHONPATH": str(target)}


def terraform(folder: Path, objects: int) -> Run | None:
    """A plan of Terraform for so many `terraform_data` resources with the same bodies, which are all in the state.

    None if Terraform is not installed.  The state is written here, since Terraform needs quadratic time to create it.
    """
    program = shutil.which("terraform")
    if program is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    bodies = {f"guide-{number:05}": persona(number) for number in range(objects)}
    resources = {name: {"input": body} for name, body in bodies.items()}
    (folder / "main.tf.json").write_text(json.dumps({"resource": {"terraform_data": resources}}))
    (folder / "terraform.tfstate").write_text(json.dumps(_state(bodies)))
    environment = {**_inherited(), "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
    subprocess.run([program, "init", "-no-color"], cwd=folder, env=environment, check=True, capture_output=True)
    command = [program, "plan", "-no-color", "-input=false", "-lock=false", "-detailed-exitcode"]
    return command, folder, environment


def _state(bodies: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "version": 4,
        "terraform_version": "1.0.0",
        "serial": 1,
        "lineage": str(uuid.uuid5(uuid.NAMESPACE_URL, "tavusctl")),
        "outputs": {},
        "resources": [
            {
                "mode": "managed",
                "type": "terraform_data",
                "name": name,
                "provider": 'provider["terraform.io/builtin/terraform"]',
                "instances": [{"schema_version": 0, "attributes": _attributes(name, body), "sensitive_attributes": []}],
            }
            for name, body in bodies.items()
        ],
    }


def _attributes(name: str, body: Any) -> dict[str, Any]:
    typed = {"value": body, "type": _type(body)}
    identity = str(uuid.uuid5(uuid.NAMESPACE_URL, name))
    return {"id": identity, "input": typed, "output": typed, "triggers_replace": None}


def _type(value: Any) -> Any:
    """The type of a value, as Terraform writes it in its state."""
    match value:
        case bool():
            return "bool"
        case str():
            return "string"
        case list():
            return ["tuple", [_type(item) for item in value]]
        case dict():
            return ["object", {key: _type(item) for key, item in value.items()}]
        case _:
            return "number"


def _inherited() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
