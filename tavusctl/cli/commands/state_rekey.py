"""`tavusctl state rekey`: enrol an API key, so that it can check and write the seal of the state."""

from __future__ import annotations

import click

from tavusctl.app.session.online import Session
from tavusctl.app.state import rekey as app
from tavusctl.cli.online_context import options
from tavusctl.cli.options import lock_timeout, text_or_json


@click.command("rekey")
@click.option(
    "--old-key-env", metavar="NAME", default="", help="Environment variable of an API key that opens the state now."
)
@click.option("--renew", is_flag=True, help="Generate a new key for the state, such as after an API key was stolen.")
@text_or_json
@lock_timeout
@options
def rekey(session: Session, *, old_key_env: str, renew: bool, format_: str, lock_timeout: float) -> int:
    """Enrol the current API key, so that it can check and write the seal of the state and compare secrets.

    With a key that opens the state already (TAVUS_API_KEY_OLD, --old-key-env, TAVUSCTL_FINGERPRINT_KEY), nothing else
    changes.  Without one, the state is trusted as it is, so check `state list` first: the state gets a new key, other
    API keys have to be enrolled again, and secrets that cannot be compared count as unchanged.

    \b
    tavusctl state rekey
    OLD=... tavusctl state rekey --old-key-env OLD
    """
    result = app.rekey(session, old_key_env, lock_timeout, renew=renew)
    click.echo(app.document(result) if format_ == "json" else app.text(result), nl=False)
    if result.renewed and result.shut_out:
        session.say(
            f"{result.shut_out} other API keys can no longer open the state: "
            "run `tavusctl state rekey --old-key-env NAME` with each"
        )
    return 0
