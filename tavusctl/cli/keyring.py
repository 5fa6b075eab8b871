"""The keys of a run: from variables and the files that they name, never from a command line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from tavusctl import redaction
from tavusctl.cli.local import KEY_FILE
from tavusctl.custody import Keys
from tavusctl.errors import UnauthorisedError, UsageError
from tavusctl.model import Environment

WITHHELD: Final = "E805"  # the error of a key that is not read, whatever there is
SHARED: Final = "TAVUSCTL_FINGERPRINT_KEY"
_SHORTEST: Final = 20  # characters: whoever has the state may try out what is shorter


def api_key(environment: Environment) -> str:
    """The API key; UnauthorisedError names the variable that should hold it, and never shows what it holds."""
    name = environment.api_key_env
    if not name:
        message = "no API key: a run for a pull request reads none that only the pull request names"
        raise UnauthorisedError(message, "see api_key_env in tavusctl.yaml; it counts once this is merged", id=WITHHELD)
    key, source = _held(name)
    if not key.strip():
        message = f"no API key: the environment variable {name} is not set"
        raise UnauthorisedError(message, f"export {name}=... (the key is on the API page of the portal)", id="E801")
    return _checked(key.strip(), source)


def keys(environment: Environment, former: str = "") -> Keys:
    """The API key, and whatever else may open the state; `former` names the variable with the API key before it."""
    return Keys(api_key(environment), *_others(environment, former))


def keys_at_hand(environment: Environment) -> Keys:
    """The same, for commands that need no API key."""
    key, source = _held(environment.api_key_env) if environment.api_key_env else ("", "")
    return Keys(_checked(key.strip(), source) if key.strip() else "", *_others(environment))


def _others(environment: Environment, former: str = "") -> tuple[str, str, str]:
    name = former or f"{environment.api_key_env}_OLD"
    old, shared = os.environ.get(name, "").strip(), os.environ.get(SHARED, "").strip()
    if former and not old:
        message = f"no old API key: the environment variable {former} is not set"
        raise UsageError(message, f"export {former}=...", id="E1203")
    if shared and len(shared) < _SHORTEST:
        message = f"{SHARED} is shorter than {_SHORTEST} characters, so that it could be guessed"
        raise UsageError(message, "make one with: openssl rand -hex 32", id="E1203")
    redaction.remember(old, name)
    redaction.remember(shared, SHARED)
    return shared, old, name


def _held(name: str) -> tuple[str, str]:
    """What a variable, or the file that TAVUS_API_KEY_FILE names, holds, and which of the two it was."""
    key, file = os.environ.get(name, ""), os.environ.get(KEY_FILE, "")
    if key or not file:
        return key, name
    try:
        return Path(file).read_text(encoding="utf-8"), file
    except (OSError, UnicodeDecodeError):
        message = f"the file {file} in {KEY_FILE} cannot be read"
        raise UnauthorisedError(message, "check its path and rights", id="E802") from None


def _checked(key: str, source: str) -> str:
    if key.isascii() and key.isprintable() and " " not in key:
        return key
    # Such a value cannot be sent, and whoever complained about it later would print it.
    message = f"no API key: what {source} holds has characters that no key has"
    raise UnauthorisedError(message, "copy the key again, alone and on one line", id="E803")
