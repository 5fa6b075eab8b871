"""Objects that come from a seed or from the portal, not through the API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tavusctl.emulator.account.portal import BadEdit
from tavusctl.emulator.account.store import StoredObject
from tavusctl.emulator.account.world import World
from tavusctl.emulator.bodies import patching
from tavusctl.emulator.control import forms
from tavusctl.emulator.http.messages import Json, Object
from tavusctl.emulator.resources.resource import Resource
from tavusctl.emulator.resources.routes import resource_named

ALL_ACCOUNTS = "*"
FINAL_STATUSES = {"ready", "completed", "ended", "error", "disabled"}


def seed_new_account(world: World, account: str) -> None:
    """Record an account; the first time, put the seed of every account and its own seed into it."""
    if not world.store.add_account(account):
        return
    for seed_account in (ALL_ACCOUNTS, account):
        if seed_account in world.seed:
            add_objects(world, account, world.seed[seed_account])


def add_objects(world: World, account: str, kinds: Mapping[str, Json]) -> dict[str, list[str]]:
    """Put objects into an account without mutations; returns the ids by kind."""
    ids_by_kind: dict[str, list[str]] = {}
    for name, bodies in kinds.items():
        resource = _resource(name)
        ids = []
        for body in bodies:
            stored = _new_object(world, resource, account, body)
            # A new id depends on how often an object was stored, so each object is stored before the next one is made.
            world.store.put(stored)
            ids.append(stored.id)
        ids_by_kind[name] = ids
    return ids_by_kind


def check(world: World, seed: Mapping[str, Json]) -> None:
    """Raise BadEdit if a seed could not be put into its accounts, now or later; stores nothing."""
    for account, kinds in seed.items():
        if not isinstance(kinds, dict):
            raise BadEdit(f"the seed of {account} is an object of kinds")
        for name, bodies in kinds.items():
            resource = _resource(name)
            if not isinstance(bodies, list) or not all(isinstance(body, dict) for body in bodies):
                raise BadEdit(f"{name} of {account} is a list of objects")
            for index, body in enumerate(bodies):
                _check_body(world, resource, body, f"{name}[{index}] of {account}")


def check_edit(world: World, change: Object) -> None:
    """Raise BadEdit or BadForm if an edit could never be made, whatever the account contains."""
    resource = _resource(str(change.get("kind")))
    actions = [action for action in ("create", "patch", "delete") if action in change]
    if len(actions) != 1:
        raise BadEdit(f"an edit is one of create, patch, delete; found {' and '.join(actions) or 'none of them'}")
    if "account" in change:
        forms.text(change, "account")
    if actions == ["create"]:
        if not isinstance(change["create"], dict):
            raise BadEdit("`create` is an object: the body")
        _check_body(world, resource, change["create"], "`create`")
        return
    forms.text(change, "id")
    if actions == ["delete"] and change["delete"] is not True:
        raise BadEdit(f"`delete` is true; found {change['delete']!r}")
    if actions == ["patch"]:
        check_patch(change["patch"])


def check_patch(operations: Json) -> None:
    """Raise BadEdit if a value is not a JSON Patch, or has no operations."""
    names = ("add", "remove", "replace", "move", "copy", "test")
    is_valid = isinstance(operations, list) and all(
        isinstance(operation, dict) and operation.get("op") in names and isinstance(operation.get("path"), str)
        for operation in operations
    )
    if not is_valid or not operations:
        raise BadEdit(f"`patch` is a list of operations, each with op ({', '.join(names)}) and path")


def _check_body(world: World, resource: Resource, body: Object, what: str) -> None:
    """Raise BadEdit if no object can be made of a body, or a read could not show it; stores nothing."""
    try:
        now = world.clock.now()
        document = resource.from_seed(world, body, now)
        resource.view(world, StoredObject("", resource.name, _id_in(resource, body) or "made", now, document))
    except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        raise BadEdit(f"{what} is no {resource.singular}: {type(error).__name__}: {error}") from error


def _resource(name: str) -> Resource:
    resource = resource_named(name)
    if resource is None:
        raise BadEdit(f"there is no kind {name!r}")
    return resource


def _id_in(resource: Resource, body: Object) -> str | None:
    for key in ("id", resource.id_key or f"{resource.singular}_id", "uuid"):
        if isinstance(body.get(key), str):
            return str(body[key])
    return None


def _new_object(world: World, resource: Resource, account: str, body: Object) -> StoredObject:
    now = world.clock.now()
    document = resource.from_seed(world, body, now)
    return StoredObject(account, resource.name, _id_in(resource, body) or resource.new_id(world), now, document)


def edit(world: World, change: Object, *, request: int | None = None) -> Object:
    """Make an edit in the portal; returns the kind, the id and the account of the object."""
    check_edit(world, change)
    resource = _resource(str(change.get("kind")))
    if "create" in change:
        account = change.get("account") or _only_account(world)
        seed_new_account(world, account)
        stored = _new_object(world, resource, account, change["create"])
        world.commit(stored, "create", by="portal", request=request, body=change["create"])
        return {"account": account, "kind": resource.name, "id": stored.id}
    stored = find_target(world, resource, change)
    if change.get("delete"):
        world.commit(replace(stored, deleted=world.clock.now()), "delete", by="portal", request=request)
    else:
        changed = patched(world, resource, stored, change["patch"])
        world.commit(changed, "update", by="portal", request=request, body=change["patch"])
    return {"account": stored.account, "kind": resource.name, "id": stored.id}


def patched(world: World, resource: Resource, stored: StoredObject, operations: Json) -> StoredObject:
    """An object after a patch of an edit in the portal; BadEdit if the patch fails."""
    before = resource.read_with_secrets(world, stored)
    try:
        after = patching.apply(before, operations)
    except patching.Unpatchable as error:
        raise BadEdit(str(error)) from error
    document = resource.from_seed(world, after, world.clock.now())
    if "updated_at" in document and after.get("updated_at") == before.get("updated_at"):
        document["updated_at"] = resource.from_seed(world, {}, world.clock.now())["updated_at"]
    # An object that has ended, perhaps by this edit, needs no hidden run: the clock must not compute its status again.
    hidden = {} if after.get("status") in FINAL_STATUSES else stored.hidden
    return replace(stored, document=document, hidden=hidden)


def _only_account(world: World) -> str:
    accounts = world.store.accounts()
    if len(accounts) != 1:
        raise BadEdit(f"say which account; there are {accounts}")
    return accounts[0]


def find_target(world: World, resource: Resource, change: Object) -> StoredObject:
    """The object that an edit or a draft names; BadEdit if it does not exist, or several accounts have its id."""
    ident = str(change.get("id"))
    account = change.get("account")
    if account is None:
        owners = world.store.owners(resource.name, ident)
        account = owners[0] if len(owners) == 1 else None
    stored = world.store.get(account, resource.name, ident) if account else None
    if stored is None:
        raise BadEdit(f"there is no {resource.singular} {ident} (or several: say which account)")
    return stored
