"""What there is to tell about a location: that it cannot be used, and that it can again. A pure function of its status."""

from __future__ import annotations

from holdfast.api.conditions import ConditionType, find
from holdfast.api.storage_location import StorageLocation
from holdfast.controller.notifications.message import Message, MessageKind
from holdfast.controller.notifications.told import Told, parse
from holdfast.controller.world import Key

_FAILED = "failed"


def what_to_tell(location: StorageLocation) -> Message | None:
    """The next thing to tell, None if there is nothing."""
    told = Told(location.status.notified)
    name = location.metadata.full_name
    about = Key("StorageLocation", location.metadata.namespace, location.metadata.name)
    ready = find(location.status.conditions, ConditionType.READY)
    since = parse(ready.last_transition_time) if ready else None
    if ready is None or since is None:
        return None
    if ready.status == "False" and since > told.when(_FAILED):
        return Message(
            kind=MessageKind.LOCATION_FAILED,
            about=about,
            title=f"Storage location {name} cannot be used",
            body=f"No backup can be written to {name} since {since:%Y-%m-%d %H:%M:%S} UTC.\n"
            f"Why: {ready.message or ready.reason}\nNext: `holdfast location test {name}` tries it.",
            time=since,
            notified=told.after({_FAILED: since}),
        )
    if ready.status == "True" and told.has(_FAILED):
        return Message(
            kind=MessageKind.RECOVERED,
            about=about,
            title=f"Storage location {name} can be used again",
            body=f"It answers since {since:%Y-%m-%d %H:%M:%S} UTC. Nothing is to be done.",
            time=since,
            notified=told.after({}, (_FAILED,)),
        )
    return None
