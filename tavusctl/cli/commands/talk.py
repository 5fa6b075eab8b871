"""`tavusctl talk`: start a conversation with a persona."""

from __future__ import annotations

import click

from tavusctl.app.account import talk as app
from tavusctl.app.session.online import Session
from tavusctl.cli.completion_values import address as known_address
from tavusctl.cli.dialogue import is_on_terminal, require_answer
from tavusctl.cli.online_context import options
from tavusctl.cli.options import WholeNumber, partner, text_or_json
from tavusctl.core.address import Address


@click.command("talk")
@click.argument("address", required=False, callback=partner, shell_complete=known_address, metavar="[ADDR]")
@click.option(
    "--replica",
    default="",
    shell_complete=known_address,
    metavar="ADDR|ID",
    help="Use this replica instead of the persona's default.",
)
@click.option(
    "--minutes",
    type=WholeNumber(1, app.MOST_MINUTES),
    default=app.MINUTES,
    help=f"End the conversation after this time, default {app.MINUTES}.",
)
@click.option("--test", is_flag=True, help="Start it in test mode: free, and ended at once.")
@click.option("--end", "ended", metavar="ID", help="End this conversation instead.")
@click.option("-y", "--yes", is_flag=True, help="Start without asking.")
@text_or_json
@options
def command(
    session: Session,
    *,
    address: Address | None,
    replica: str,
    minutes: int,
    test: bool,
    ended: str | None,
    yes: bool,
    format_: str,
) -> int:
    """Start a conversation with a persona and print the URL to open in a browser.

    It costs minutes of the account, so it asks first.  In a demo it is free: the URL leads to a page of the emulator,
    where you can write, and nobody answers; the command waits until you leave.  Once a persona has had a conversation
    that was started through the API, later edits of it in PAL Maker stay unpublished until somebody publishes them
    there.

    \b
    tavusctl talk persona/sales-coach --minutes 5
    tavusctl talk --end c0123456789a
    """
    if (address is None) == (ended is None):
        raise click.UsageError("name a persona to talk to, or a conversation to end with `--end ID`")
    if ended is not None:
        return _end(session, ended, format_)
    assert address is not None  # noqa: S101 - exactly one of the two is set, see above
    offer = app.prepare(session, address, replica, minutes, test=test)
    if not (yes and format_ == "json"):
        session.say(f"a conversation with {address}: {offer.cost}")
    if not (yes or test or offer.is_demo):
        question = f"Start a conversation with {address}"
        require_answer(
            question, "yes", session.environment, action="talk", hint="add `--yes`, or `--test` for a free one"
        )
    _follow(session, app.begin(session, offer), format_)
    return 0


def _follow(session: Session, conversation: app.Conversation, format_: str) -> None:
    """Print a conversation; in a demo, whose page ends with the command, wait until the conversation has ended."""
    if format_ == "json":
        click.echo(app.document(conversation), nl=False)
        return
    click.echo(f"{conversation.url}\n{conversation.conversation_id}")
    if session.environment.demo and not (conversation.minutes and is_on_terminal()):
        session.say("this is a demo: its page exists only while `talk` waits in a terminal")
    elif session.environment.demo:
        try:
            session.say("open the URL in a browser on this machine; to end, choose Leave there, or press Ctrl-C here")
            app.wait_for_end(session, conversation.conversation_id)
        except KeyboardInterrupt:
            app.end(session, conversation.conversation_id)
        session.say("the conversation has ended")
    elif conversation.minutes:
        session.say(f"end it with: {session.command(f'talk --end {conversation.conversation_id}')}")


def _end(session: Session, conversation_id: str, format_: str) -> int:
    was_active = app.end(session, conversation_id)
    if format_ == "json":
        click.echo(app.end_document(conversation_id, was_active=was_active), nl=False)
    else:
        click.echo(f"{conversation_id} {'ended' if was_active else 'had ended already'}")
    return 0
