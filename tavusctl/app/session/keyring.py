"""The keys of a run: from environment variables and the files that they name, never from the command line."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path
from typing import Final

from tavusctl.app.session.env_file import KEY_FILE, LONGEST_KEY, read_key_file
from tavusctl.app.session.env_file import NAME as ENV_FILE
from tavusctl.app.session.local import LocalSession
from tavusctl.core.errors import UnauthorisedError, UsageError
from tavusctl.core.project_settings import FILE
from tavusctl.secrets import redaction
from tavusctl.state.seals import Keys

WITHHELD: Final = "E805"  # the error for an API key that this run may not read
DEMO_KEY: Final = "key-of-the-emulator-of-a-demo"  # it is valid only for the emulator
SHARED: Final = "TAVUSCTL_FINGERPRINT_KEY"
_SHORTEST: Final = 20  # characters: a shorter key could be guessed by anyone who has the state


def api_key(session: LocalSession) -> str:
    """The API key; UnauthorisedError names the variable, never its value."""
    name = session.environment.api_key_env
    if not name:
        message = "no API key: a run for a pull request does not read a variable that only the pull request names"
        raise UnauthorisedError(
            message, "check `api_key_env` in tavusctl.yaml, which takes effect after the merge", id=WITHHELD
        )
    key, source = _key_and_source(name, session)
    if not key.strip():
        is_file = source and source == os.environ.get(KEY_FILE)
        reason = f"the file of {KEY_FILE} is empty" if is_file else session.variables.lack(name)
        raise UnauthorisedError(f"no API key: {reason}", _hint(name, session), id="E801")
    return _valid_key(key.strip(), source)


def key_location(session: LocalSession) -> str:
    """Where the API key comes from: a variable, or a file."""
    return _key_and_source(session.environment.api_key_env, session)[1]


def keys(session: LocalSession, former: str = "") -> Keys:
    """The keys that may open the state; `former` names the variable of the previous API key."""
    return Keys(api_key(session), *_further_keys(session, former))


def available_keys(session: LocalSession) -> Keys:
    """The keys that are set, for commands that can do without an API key."""
    name = session.environment.api_key_env
    key, source = _key_and_source(name, session) if name else ("", "")
    return Keys(_valid_key(key.strip(), source) if key.strip() else "", *_further_keys(session))


def _hint(name: str, session: LocalSession) -> str:
    """The hint for setting a variable, with the first diagnostic about values in `.env` that were not read."""
    unread = next((f"; {one.source}: {one.message}" for one in session.project_diagnostics if one.id == "TV130"), "")
    is_project = (session.root / FILE).is_file()
    file = f", or write it into `{ENV_FILE}`" if is_project and not session.grant else ""
    elsewhere = "" if is_project else f"there is no {FILE} here or above: change to the folder of your project, or "
    return f"{elsewhere}run `export {name}=...`{file} (the API key is on the API page of the portal){unread}"


def _further_keys(session: LocalSession, former: str = "") -> tuple[str, str, str]:
    name = former or f"{session.environment.api_key_env}_OLD"
    old, shared = os.environ.get(name, "").strip(), os.environ.get(SHARED, "").strip()
    if former and not old:
        message = f"no old API key: the environment variable {former} is not set"
        raise UsageError(message, f"export {former}=...", id="E1203")
    if shared and len(shared) < _SHORTEST:
        message = f"{SHARED} is shorter than {_SHORTEST} characters and could be guessed"
        raise UsageError(message, "generate one with `openssl rand -hex 32`", id="E1203")
    redaction.register(old, name)
    redaction.register(shared, SHARED)
    return shared, old, name


def _key_and_source(name: str, session: LocalSession) -> tuple[str, str]:
    """The API key and its source: a variable, the file that TAVUS_API_KEY_FILE names, or `.env`; unchecked."""
    if session.environment.demo:  # the variables hold keys for Tavus, not for the emulator
        return DEMO_KEY, "the demo, which does not need your key"
    if not session.variables.uses_key_file(name):
        source = f"{name} in `{ENV_FILE}`" if session.variables.in_file(name) else name
        return session.variables.get(name), source
    file = os.environ[KEY_FILE]
    try:
        key = read_key_file()
    except (OSError, UnicodeDecodeError):
        # The variable may hold the key itself by mistake, so its value is quoted only if its folder exists.
        quoted = f"`{file}` " if os.sep in file and Path(file).parent.is_dir() else ""
        message = f"the file {quoted}of {KEY_FILE} cannot be read"
        hint = "check its path and permissions; the variable takes the path of a file, not a key"
        raise UnauthorisedError(message, hint, id="E802") from None
    if len(key) > LONGEST_KEY:
        message = f"no API key: `{file}` is larger than {LONGEST_KEY} characters"
        raise UnauthorisedError(message, f"check {KEY_FILE}: its file must contain only the key", id="E803")
    return key, file


def _valid_key(key: str, source: str) -> str:
    strange = next((one for one in key if not (one.isascii() and one.isprintable()) or one == " "), "")
    if not strange:
        return key
    # Such a value cannot be sent, and a later error about it could print it.
    message = f"the API key in {source} contains {_described(strange)}, which no API key has"
    raise UnauthorisedError(message, "copy the API key again, without other characters, on one line", id="E803")


def _described(character: str) -> str:
    """The sort of a character that no key has; the character itself may be a part of another secret."""
    if character in "\r\n":
        return "a line break"
    if character.isspace():
        return "a space"
    if unicodedata.category(character) in ("Pi", "Pf"):
        return "a typographic quote"
    return "an invisible character" if not character.isprintable() else "a character that is not ASCII"
