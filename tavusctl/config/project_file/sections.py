"""The pydantic models of the project file `tavusctl.yaml`: every key may be left out."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema

from tavusctl.config.attachments import upload_fault
from tavusctl.config.project_file.state_url import state_fault
from tavusctl.core.address import NAME
from tavusctl.core.messages import VARIABLE_HINT, parted, shown, variable_fault
from tavusctl.core.schema.spec_model import StrictModel
from tavusctl.kinds import address_in
from tavusctl.lib.json_types import Json, JsonObject
from tavusctl.lib.patterns import pattern

_VARIABLE: Final = "[A-Za-z_][A-Za-z0-9_]*"
# Variables that configure tavusctl, or that CI systems set.  Whoever opens a pull request chooses some of their values:
# names of branches, titles, logins.
_SYSTEM: Final = pattern(
    r"(GITHUB|RUNNER|ACTIONS|INPUT|TAVUSCTL|CI_COMMIT|CI_MERGE_REQUEST|BITBUCKET|BUILDKITE|CIRCLE|TRAVIS)_.*",
    re.IGNORECASE,
)


class WrongValueError(ValueError):
    """An invalid value: the message, a hint, and the id of the check."""

    def __init__(self, message: str, hint: str = "", check: str = "TV104") -> None:
        super().__init__(message)
        self.hint = hint
        self.check = check


def _variable(name: str, hint: str = VARIABLE_HINT) -> str:
    if fault := variable_fault(name):
        raise WrongValueError(fault, hint)
    if _SYSTEM.fullmatch(name):
        message = f"{shown(name)} is reserved for the CI system or tavusctl, and cannot hold an API key or a secret"
        raise WrongValueError(message, "use a variable with another name")
    return name


def _key_variable(name: str) -> str:
    return _variable(name, "write the name of the environment variable, not the API key itself")


def _environment_name(name: str) -> str:
    if not NAME.fullmatch(name):
        hint = "use 1 to 63 characters of a-z, 0-9 and hyphen, without a hyphen at either end"
        raise WrongValueError(f"{shown(name)} is not a valid name of an environment", hint, "TV107")
    return name


def _output_name(name: str) -> str:
    if not re.fullmatch(_VARIABLE, name):
        raise WrongValueError(f"{shown(name)} is not a valid name of a variable", VARIABLE_HINT, check="TV107")
    return name


def _address(text: str) -> str:
    try:
        return str(address_in(text))
    except ValueError as error:
        message, hint = parted(str(error))
        raise WrongValueError(message, hint, check="TV107") from None


def _folder(url: str) -> str:
    reason = upload_fault(url) if url else ""
    if reason:
        raise WrongValueError(f"{shown(url)} {reason}", "write a URL such as `s3://bucket/prefix`")
    return url


def _state(url: str) -> str:
    fault = state_fault(url)
    if fault:
        raise WrongValueError(fault.message, fault.hint, fault.id)
    return url


def _version(version: Json) -> Json:
    if isinstance(version, bool):  # in Python, true equals 1
        raise WrongValueError(f"expected 1, found {shown(version)}")
    return version


def _share(ratio: float) -> float:
    if not 0 <= ratio <= 1:
        raise WrongValueError(f"expected 0 to 1, found {ratio:g}", "write a share: 0.3 stands for 30 %")
    return ratio


def _literal(value: Json) -> Json:
    if not isinstance(value, str | int | float):
        raise WrongValueError(f"expected text, a number, true or false, found {shown(value)}")
    if isinstance(value, str) and not value.isprintable():
        raise WrongValueError(f"expected one line of printable text, found {shown(value)}")
    return value


def _like(pattern: str, text: str = "") -> WithJsonSchema:
    described = {"description": text} if text else {}
    return WithJsonSchema({"type": "string", "pattern": pattern, **described})


OutputName = Annotated[str, AfterValidator(_output_name), _like(f"^{_VARIABLE}$")]
EnvironmentName = Annotated[str, AfterValidator(_environment_name), _like(f"^{NAME.pattern}$")]
AddressText = Annotated[
    str,
    AfterValidator(_address),
    _like(f"^[a-z]+/{NAME.pattern}$", "An address, such as persona/sales-coach; its id is what the application gets."),
]
Uploads = Annotated[str, AfterValidator(_folder), _like("^$|^(s3|gs|az)://")]
_UPLOADS: Final[Any] = Field(
    "", description="Folder that files of documents without `upload:` are uploaded to, such as s3://bucket/prefix."
)
_CRAWL_LIMIT: Final[Any] = Field(
    0, ge=1, description="Maximum number of documents with a crawl in the account; 100, the usual limit, when left out."
)


class EnvironmentSection(StrictModel):
    """One account that the project is applied to."""

    account: str = Field(
        "", description="A label; bound to the account on first use, and refused when another account answers."
    )
    api_key_env: Annotated[str, AfterValidator(_key_variable), _like(f"^{_VARIABLE}$")] = Field(
        "TAVUS_API_KEY", description="Environment variable that holds the API key; TAVUS_API_KEY when left out."
    )
    state: Annotated[str, AfterValidator(_state)] = Field(
        "", description="Where state lives: git, git+URL, s3://, gs://, az://, file://; else a file in the project."
    )
    overlay: str = Field(
        "", description="Folder of manifests that are laid over the others in this environment, such as overlays/prod."
    )
    demo: bool = Field(
        default=False, description="Whether a local emulator, which each command starts, takes the place of an account."
    )
    uploads: Uploads = _UPLOADS
    crawl_limit: int = _CRAWL_LIMIT
    vars: JsonObject | None = Field(None, description="What ${var:NAME} stands for.")


class SafetySection(StrictModel):
    """Limits on deletes in one run; lifted only by --allow-deletes."""

    max_deletes: int = Field(5, ge=0, description="Objects at most; 5 when left out.")
    max_delete_ratio: Annotated[float, AfterValidator(_share)] = Field(
        0.3,
        description="Share of the managed objects at most; 0.3 when left out.",
        json_schema_extra={"minimum": 0, "maximum": 1},
    )


class LiteralOutput(StrictModel):
    """A value as it is, such as {value: true}."""

    value: Annotated[Json, AfterValidator(_literal), WithJsonSchema({"type": ["string", "number", "boolean"]})] = Field(
        description="What the application gets."
    )


class ProjectFile(StrictModel):
    """A tavusctl project."""

    model_config = ConfigDict(json_schema_extra={"$schema": "https://json-schema.org/draft/2020-12/schema"})

    version: Annotated[Literal[1], BeforeValidator(_version)] = Field(1, description="Version of this file's layout.")
    manifests: str = Field("manifests", description="Folder of the manifests; manifests when left out.")
    secrets: list[Annotated[str, AfterValidator(_variable), _like(f"^{_VARIABLE}$")]] = Field(
        [],
        description="Environment variables that ${secret:NAME} may read, and nothing else.",
        json_schema_extra={"uniqueItems": True},
    )
    environments: dict[EnvironmentName, EnvironmentSection | None] | None = Field(
        None, description="Accounts by name; chosen with --env or TAVUSCTL_ENV."
    )
    safety: SafetySection | None = Field(
        None, description="Limits on deletes in one run; lifted only by --allow-deletes."
    )
    uploads: Uploads = _UPLOADS
    crawl_limit: int = _CRAWL_LIMIT
    outputs: dict[OutputName, AddressText | list[AddressText] | LiteralOutput] | None = Field(
        None,
        description="Names under which applications get values: the id of an address, of several, or a literal value.",
    )
