"""The program that hands one notification to Apprise, and ends.

A process of its own, because Apprise takes 45 MB of memory once it is loaded, and because a service that never answers can
be left only by ending who waits for it. It reads a Delivery from its standard input, so that the URLs, which hold secrets,
are in no command line, and prints the number of each URL whose service took the notification, one a line, as it happens.
"""

from __future__ import annotations

import logging
import signal
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Literal

import msgspec

_PARALLEL = 8
Type = Literal["info", "success", "warning", "failure"]
"""Apprise's words for it; services show each with a colour or a sign."""


class Delivery(msgspec.Struct, frozen=True):
    urls: list[str]
    title: str
    body: str
    type: Type
    seconds: int  # after which this process ends itself, whoever is left


def main() -> None:
    delivery = msgspec.json.decode(sys.stdin.buffer.read(), type=Delivery)
    signal.alarm(delivery.seconds)
    with ThreadPoolExecutor(_PARALLEL) as pool:
        sending = {pool.submit(_send, url, delivery): number for number, url in enumerate(delivery.urls)}
        for sent in as_completed(sending):
            if sent.exception() is None and sent.result():
                sys.stdout.write(f"{sending[sent]}\n")
                sys.stdout.flush()


def _send(url: str, delivery: Delivery) -> bool:
    import apprise  # noqa: PLC0415 - the rest of this module is also for who starts this process

    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)  # its lines have URLs in them
    asset = apprise.AppriseAsset(app_id="Holdfast", app_desc="Holdfast", app_url="", async_mode=False)
    service = apprise.Apprise(asset=asset)
    if not service.add(url):
        return False
    if "overflow=" not in url:
        for one in service:
            one.overflow_mode = apprise.OverflowMode.SPLIT  # else some services refuse what is too long for them
    taken = service.notify(
        title=delivery.title,
        body=delivery.body,
        notify_type=apprise.NotifyType(delivery.type),
        body_format=apprise.NotifyFormat.TEXT,
    )
    return bool(taken)


if __name__ == "__main__":
    main()
