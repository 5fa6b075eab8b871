"""The inputs of a plan, and a plan with all data that an apply of it needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet

from msgspec import Struct, field

from tavusctl.core.address import Address
from tavusctl.core.diagnostics import Diagnostic
from tavusctl.core.model import Desired, Manifest, Plan
from tavusctl.core.ports import OtherBindings, Sources, State
from tavusctl.core.project_settings import ApprovedInputs, Environment, Safety
from tavusctl.engine.plan import Approvals
from tavusctl.engine.recovery import Recovered
from tavusctl.engine.resolve import Agreed
from tavusctl.secrets.values import Values
from tavusctl.state.seals import Keys, Seals


class BaseSettings(Struct, frozen=True):
    """Settings of the branch that a pull request is for, which somebody has agreed to; None: not known."""

    reads: ApprovedInputs | None = None
    safety: Safety | None = None
    places: Agreed | None = None  # agreed values of fields that may hold secrets; None: any value there may be compared


class PlanInputs(Struct, frozen=True):
    """What a plan depends on beside manifests, state and account: options, settings, keys and secrets."""

    environment: Environment
    secrets: Values
    keys: Keys
    approvals: Approvals = field(default_factory=Approvals)
    warnings: tuple[Diagnostic, ...] = ()
    sources: Sources | None = None  # reads the sources of watched documents; None: they are not checked
    safety: Safety | None = None  # limits on deletes, for an apply to record; None: the recorded ones stay
    others: Callable[[], OtherBindings] = OtherBindings  # reads what the project's other environments have bound
    reads: ApprovedInputs | None = None  # what the files make this environment read, to be recorded; None: no change
    reads_limited: bool = False  # whether `reads` lacks names that a pull request may not read
    base_settings: BaseSettings = BaseSettings()  # where these are empty, the last apply counts
    settle: float = 0.0  # seconds that a create may take to become visible; only imports and exports need it


class PreparedPlan(Struct, frozen=True):
    """A plan, and the data that it was made from; `execution.carry_out` needs both."""

    plan: Plan
    state: State
    desired: tuple[Desired, ...]
    inputs: PlanInputs
    ids: dict[str, Address]
    existing_ids: Mapping[str, Sequence[str]]  # ids in the account, by kind
    recovered: Recovered  # what the account shows of an interrupted run
    state_is_behind: bool = False  # the state on disk lacks records of an interrupted run, new addresses or a seal
    seals: Seals = Seals()
    unset_secrets: tuple[Diagnostic, ...] = ()  # diagnostics of secrets that have no value here
    manifests: tuple[Manifest, ...] = ()  # as they were read
    ids_with_secrets: AbstractSet[str] = frozenset()  # of objects of the account whose bodies contain secrets

    @property
    def known_settings(self) -> tuple[Safety | None, ApprovedInputs | None]:
        """Limits on deletes, and what the files make the environment read, as the state has them after an apply."""
        return self.inputs.safety or self.state.safety, self.inputs.reads or self.state.reads

    @property
    def learns_settings(self) -> bool:
        """Whether an apply writes the state for these settings, or for the label of the account, alone.

        Never if no state has been written yet.
        """
        learns_label = self.inputs.environment.account not in ("", self.state.account)
        learns_others = self.known_settings != (self.state.safety, self.state.reads)
        return bool(self.state.serial) and (learns_label or learns_others)

    @property
    def externals(self) -> dict[str, str]:
        """Ids of external objects, by address."""
        return {str(item.address): item.external_id for item in self.desired if item.external_id}
