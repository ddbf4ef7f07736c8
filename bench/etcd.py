"""Putting objects straight into an API server's etcd, past the server.

A hundred thousand POSTs take minutes. API servers read JSON from etcd as well as their own encoding, and tell what came this
way to nobody differently: lists, watches and their cache see ordinary objects.
"""

from __future__ import annotations

import base64
import http.client
import itertools
import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

_LARGEST_TRANSACTION = 128  # requests, etcd's own limit


class EtcdRefused(Exception):
    """etcd answered with an error."""


class Etcd:
    """etcd's JSON gateway."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc)

    def close(self) -> None:
        self._connection.close()

    def put(self, entries: Iterable[tuple[str, bytes]]) -> int:
        """Keys and values; returns how many they were."""
        count = 0
        waiting = iter(entries)
        while batch := list(itertools.islice(waiting, _LARGEST_TRANSACTION)):
            puts = [{"requestPut": {"key": _base64(key.encode()), "value": _base64(value)}} for key, value in batch]
            self._request("/v3/kv/txn", {"success": puts})
            count += len(batch)
        return count

    def delete(self, prefix: str) -> None:
        """Everything whose key starts with the prefix."""
        start = prefix.encode()
        end = start[:-1] + bytes((start[-1] + 1,))
        self._request("/v3/kv/deleterange", {"key": _base64(start), "range_end": _base64(end)})

    def _request(self, path: str, body: dict[str, Any]) -> None:
        self._connection.request("POST", path, json.dumps(body))
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise EtcdRefused(f"status {answer.status}: {content[:300]!r}")


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
