"""`tavusctl state pull|push|unlock|rekey`: the state as a whole, its lock, and the API keys that open it."""

from __future__ import annotations

from pathlib import Path

import click

from tavusctl.app.session.local import LocalSession
from tavusctl.app.session.online import Session
from tavusctl.app.state import rekey as app
from tavusctl.app.state import whole
from tavusctl.cli.offline_context import local_options
from tavusctl.cli.online_context import options
from tavusctl.cli.options import lock_timeout, text_or_json
from tavusctl.cli.report_options import print_record, show
from tavusctl.core.messages import counted
from tavusctl.reports.escaping import escape_json
from tavusctl.state.codec import encode
from tavusctl.state.lock_holder import printable

_older = click.option("--allow-older", is_flag=True, help="Accept a state that was restored from a backup.")


@click.command("pull")
@_older
@local_options
def pull(session: LocalSession, *, allow_older: bool) -> None:
    """Print the state as JSON, such as for a backup."""
    print_record(escape_json(encode(session.store().read(older=allow_older)).decode()), "a copy of the state")


@click.command("push")
@click.argument("file", type=click.Path(dir_okay=False, exists=True, path_type=Path))
@_older
@lock_timeout
@local_options
def push(session: LocalSession, *, file: Path, allow_older: bool, lock_timeout: float) -> None:
    """Replace the state by FILE, which `state pull` wrote.  An older state, or a state of another project, is refused.

    To move a state from a file to where `state:` says now, push that file: the records of its runs go along.

    With --allow-older, all changes since FILE was written are lost from the state: objects created since are no longer
    managed, and the next plan shows those that have the names of manifests.
    """
    state, written = whole.push(session, file, lock_timeout, allow_older=allow_older)
    session.say(f"the state is {'now' if written else 'already'} that of {file}, serial {state.serial}")


@click.command("unlock")
@click.argument("owner", metavar="ID")
@click.option(
    "--holder-is-dead",
    "dead",
    metavar="HOLDER",
    default="",
    help="Confirm that HOLDER, which was heard from recently, is dead.",
)
@local_options
def unlock(session: LocalSession, *, owner: str, dead: str) -> None:
    """Release the lock of a dead run.

    Each run that is refused the lock shows its ID.  A lock that has missed its heartbeats expires by itself.  The lock
    of a holder that was heard from recently is released only if --holder-is-dead repeats the name of the holder.

    \b
    tavusctl state unlock 0f3a... --holder-is-dead build-7:4711
    """
    session.store().unlock(owner, dead=dead)
    session.say(f"released the lock {printable(owner)}; run `{session.command('plan')}` to check the account")


@click.command("rekey", short_help="Let the current API key check and write the state.")
@click.option(
    "--old-key-env", metavar="NAME", default="", help="Environment variable of an API key that opens the state now."
)
@click.option("--renew", is_flag=True, help="Generate a new key for the state, such as after an API key was stolen.")
@text_or_json
@lock_timeout
@options
def rekey(session: Session, *, old_key_env: str, renew: bool, format_: str, lock_timeout: float) -> None:
    """Enrol the current API key, so that it can check and write the seal of the state and compare secrets.

    With a key that opens the state already (TAVUS_API_KEY_OLD, --old-key-env, TAVUSCTL_FINGERPRINT_KEY), nothing else
    changes.  Without one, the state is trusted as it is, so check `state list` first: the state gets a new key, other
    API keys have to be enrolled again, and secrets that cannot be compared count as unchanged.

    \b
    tavusctl state rekey
    OLD=... tavusctl state rekey --old-key-env OLD
    """
    result = app.rekey(session, old_key_env, lock_timeout, renew=renew)
    show(app.document(result) if format_ == "json" else app.text(result), format_)
    if result.renewed and result.shut_out:
        session.say(
            f"{counted(result.shut_out, 'other API key')} can no longer open the state: "
            "run `tavusctl state rekey --old-key-env NAME` with each, where NAME is a variable with the current key"
        )
