"""What is asked of a plan, and a plan with all that carrying it out needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct, field

from tavusctl.core.address import Address
from tavusctl.core.diagnostics import Diagnostic
from tavusctl.core.model import Desired, Manifest, Plan
from tavusctl.core.ports import Others, Sources, State
from tavusctl.core.project_settings import Environment, Known, Safety
from tavusctl.core.resource_kind import ResourceKind
from tavusctl.engine.plan import Approvals
from tavusctl.engine.resolve import Agreed
from tavusctl.secrets.values import Values
from tavusctl.state.journal import Intent
from tavusctl.state.seals import Keys, Seals

Kinds = Mapping[str, ResourceKind]
RunRecords = Callable[[Sequence[bytes]], None]  # keeps the journal of a run that has ended


class Former(Struct, frozen=True):
    """What files have said before, as far as somebody has agreed to it."""

    reads: Known | None = None
    safety: Safety | None = None
    places: Agreed | None = None  # what stood where secrets may; None: whatever stands there is compared


class PlanOptions(Struct, frozen=True):
    """What the command line asks of a plan."""

    environment: Environment
    secrets: Values
    keys: Keys
    consent: Approvals = field(default_factory=Approvals)
    adopt: bool = False
    destroy: bool = False
    warnings: tuple[Diagnostic, ...] = ()
    sources: Sources | None = None  # of watched documents; None: they are not looked at
    safety: Safety | None = None  # limits on deletes, to be remembered by an apply; None: those that are known stay
    others: Callable[[], Others] = Others  # what the project's other environments have bound
    reads: Known | None = None  # what the files make this environment read, to be remembered; None: what is known stays
    former: Former = Former()  # what the branch that a pull request is for says; without one, the last apply counts


class PreparedPlan(Struct, frozen=True):
    """A plan, and what it was made of; `execution.carry_out` needs both."""

    plan: Plan
    state: State
    desired: tuple[Desired, ...]
    request: PlanOptions
    ids: dict[str, Address] = field(default_factory=dict)
    known: Mapping[str, Sequence[str]] = field(default_factory=dict)  # ids in the account, by kind
    lost: tuple[Intent, ...] = ()  # creates of an interrupted run that have not shown in the account
    recovered: bool = False  # the state on disk is behind
    custody: Seals = Seals()
    unset: tuple[Diagnostic, ...] = ()  # places of secrets that have no value here
    manifests: tuple[Manifest, ...] = ()  # as they were read

    @property
    def known_settings(self) -> tuple[Safety | None, Known | None]:
        """Limits, and what the files make the environment read, as the state knows them after an apply."""
        return self.request.safety or self.state.safety, self.request.reads or self.state.reads

    @property
    def learns_settings(self) -> bool:
        """Whether an apply writes the state for them alone; a state that was never written need not know them."""
        return bool(self.state.serial) and self.known_settings != (self.state.safety, self.state.reads)

    @property
    def externals(self) -> dict[str, str]:
        """Ids of external objects, by address."""
        return {str(item.address): item.external_id for item in self.desired if item.external_id}
