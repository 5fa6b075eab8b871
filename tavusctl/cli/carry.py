"""Carrying a plan out, for every command that does."""

from __future__ import annotations

from typing import Final

from tavusctl.cli.interrupt import Interruption
from tavusctl.cli.progress import Progress
from tavusctl.cli.runs import Archive
from tavusctl.cli.session import Session, SystemClock
from tavusctl.cli.trash import Trash
from tavusctl.cli.uploading import Uploading
from tavusctl.client import Client
from tavusctl.engine.apply import Run
from tavusctl.engine.lending import tools
from tavusctl.engine.reconcile import Prepared, carry_out, open_ledger
from tavusctl.errors import TavusctlError
from tavusctl.kinds import KINDS
from tavusctl.model import Outcome
from tavusctl.ports import Store
from tavusctl.reports import text, view

STEPS: Final = 4  # at a time: a polite number of writes
Ended = tuple[tuple[Outcome, ...], TavusctlError | None]


def carry(
    session: Session,
    api: Client,
    store: Store,
    prepared: Prepared,
    interruption: Interruption,
    archive: Archive,
    *,
    patience: float = 0.0,
    parallel: int | None = None,
    format_: str = "text",
) -> Ended:
    """Do what the plan says; the outcomes, and what went wrong with the state at the end, if anything did.

    What the report of the outcomes will tell as text is not told before: both may go to one place.
    """

    def tell(outcome: Outcome) -> None:
        if format_ != "text" or not text.is_told(outcome):
            progress.say(text.outcome(view.outcome(outcome)))

    interruption.writing = True
    ledger = open_ledger(prepared, store, archive.keep)
    progress = Progress(session)
    uploading = Uploading(session.root, progress.say)
    trash = Trash(store.shelf, ledger.run, ledger.custody, progress.say)
    lent = tools(prepared, KINDS, api, ledger, trash.keep, uploading.link)
    this = Run(
        api,
        ledger,
        lent,
        SystemClock(),
        externals=prepared.externals,
        known=prepared.known,
        patience=patience,
        settle=session.settle,
        parallel=parallel or min(STEPS, session.parallel),
        stop=interruption.stop,
        report=tell,
        waits=progress.note,
    )
    try:
        return carry_out(prepared, this)
    finally:
        progress.close()
