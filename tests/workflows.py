"""Workflows of `init --github` for projects of several shapes; run as a module, it writes them for linters.

`python -m tests.workflows signed` writes the example of a workflow with a signed plan, as `make golden` does.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tavusctl.core.project_settings import Environment
from tavusctl.integrations.github.workflow_files import WorkflowInputs, workflows

DEFAULT = Environment()
STAGING = Environment("staging", api_key_env="TAVUS_API_KEY_STAGING", state="s3://acme/staging")
EUROPE = Environment("eu-1", api_key_env="TAVUS_API_KEY_EU", state="az://acme/eu", uploads="gs://acme/files")
PROD = Environment("prod", state="s3://acme/prod", uploads="s3://acme/files")
SHAPES = {
    "one": WorkflowInputs([DEFAULT], []),
    "two": WorkflowInputs([STAGING, PROD], ["OPENAI_API_KEY", "CARTESIA_KEY"], branch="master"),
    "three": WorkflowInputs(
        [STAGING, EUROPE, PROD], ["OPENAI_API_KEY"], folder="bots/sales-team", branch="release/1.x"
    ),
    "local": WorkflowInputs([DEFAULT], ["OPENAI_API_KEY"], action="./"),
    "odd": WorkflowInputs([PROD], [], folder="a b#c: 'd'", action=f"acme/fork@{'ab' * 20}"),
}


SIGNED = Path(__file__).parents[1] / "examples/workflows/tavus-apply-signed.yml"
_HEAD = """\
# As `tavusctl init --github` writes it, and signed: what is applied was planned by this workflow, at this commit.
# Attestations are for public repositories, and for private ones of GitHub Enterprise Cloud; `gh` is 2.68 or newer.
"""
_SIGN = """\
      - name: Sign the plan file
        if: ${{ steps.plan.outputs.plan-file != '' }}
        uses: actions/attest@1e69f48acb82d1966a394da916b4c1698aa569d6 # v4.2.2
        with:
          subject-path: ${{ steps.plan.outputs.plan-file }}
"""
_CHECK = """\
      - name: Check who has signed the plan file
        run: >-
          gh attestation verify "$RUNNER_TEMP/approved/plan.json" --repo "$GITHUB_REPOSITORY"
          --cert-identity "$GITHUB_SERVER_URL/$GITHUB_WORKFLOW_REF" --source-digest "$GITHUB_SHA"
          --deny-self-hosted-runners
        env:
          GH_TOKEN: ${{ github.token }}
"""
_KEEP = "      attestations: write # to keep the attestation of the plan\n"
_LOOK_UP = "      attestations: read # to look the attestation of the plan up\n"
_IDENTITY = "      id-token: write # to sign it as this workflow at this commit\n"


def signed() -> str:
    """A workflow for one environment that signs the plan file, and verifies the signature before the plan is read."""
    text = workflows(SHAPES["one"], {})["tavus-apply.yml"]
    text = _HEAD + text[text.index("name: ") :]
    planning, applying = text.index("  plan-default:"), text.index("  apply-default:")
    head, plan, apply = text[:planning], text[planning:applying], text[applying:]
    plan = _before(plan, "      - if: ${{ steps.plan.outputs.plan-file", _SIGN)
    plan = _before(_before(plan, "      contents: read", _KEEP), "      pull-requests: write", _IDENTITY)
    apply = _before(_before(apply, "      - name: apply\n", _CHECK), "      contents: read", _LOOK_UP)
    return head + plan + apply


def _before(text: str, place: str, addition: str) -> str:
    index = text.index(place)
    return text[:index] + addition + text[index:]


def written(folder: Path) -> None:
    """Write the workflows of every shape into a separate repository folder."""
    for name, shape in SHAPES.items():
        workflow_folder = folder / name / ".github/workflows"
        workflow_folder.mkdir(parents=True, exist_ok=True)
        for file, text in workflows(shape, {}).items():
            (workflow_folder / file).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] == ["signed"]:
        SIGNED.write_text(signed(), encoding="utf-8")
    else:
        written(Path(sys.argv[1]))
