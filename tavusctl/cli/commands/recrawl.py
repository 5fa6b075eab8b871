"""`tavusctl recrawl`: crawl the documents that are due again."""

from __future__ import annotations

import click

from tavusctl.app import recrawl as app
from tavusctl.app.session.online import Session
from tavusctl.cli import wrapped_output
from tavusctl.cli.completion_values import address as known_address
from tavusctl.cli.online_context import options
from tavusctl.cli.options import WholeNumber, addresses, text_or_json, wait_for_crawls
from tavusctl.cli.report_options import show
from tavusctl.core.address import Address
from tavusctl.core.errors import UsageError
from tavusctl.crawl.status import AT_ONCE, Entry


@click.command("recrawl")
@click.argument("addresses_", metavar="[ADDR]...", nargs=-1, callback=addresses, shell_complete=known_address)
@click.option("--all", "every", is_flag=True, help="Crawl all documents, due or not, also those without `recrawl:`.")
@click.option("--dry-run", is_flag=True, help="Show what is due without starting a crawl.")
@wait_for_crawls
@click.option(
    "--reserve", type=WholeNumber(0, AT_ONCE - 1), default=1, help="Crawl slots to leave free for others, default 1."
)
@click.option("--strict", is_flag=True, help="With --wait: exit 5 if a crawl found fewer than half of the pages.")
@text_or_json
@options
def command(
    session: Session,
    *,
    addresses_: frozenset[Address],
    every: bool,
    dry_run: bool,
    wait: float,
    reserve: int,
    strict: bool,
    format_: str,
) -> int:
    """Crawl documents again that are due by their `recrawl:` schedule: those at ADDR, or all that have one.

    A document is due by its last crawl and the clock of the server, so this command can run as often as you like.
    Documents that are busy, or for which no crawl slot is free, are deferred to the next run, which is not an error.

    \b
    tavusctl recrawl --dry-run
    tavusctl recrawl document/price-list --all --wait 30m
    """
    if strict and not wait:
        message = "`--strict` checks the results of crawls, which are known only with `--wait`"
        raise UsageError(message, "add `--wait 30m`")
    recrawl_options = app.RecrawlOptions(addresses_, every, dry_run, wait, reserve)

    def print_entry(entry: Entry) -> None:
        """Print a line: on stdout as text, on stderr if stdout is for a JSON document."""
        if format_ == "text":
            wrapped_output.say(app.line(entry), err=False)
        else:
            session.say(app.line(entry))

    result = app.recrawl(session, recrawl_options, print_entry)
    show(app.document(result) if format_ == "json" else app.text(result, listed=dry_run), format_)
    return app.exit_code(result, strict=strict)
