"""Lists in pages, and what happens when a list expires half-way."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cluster.local_server import Answer

from holdfast.cluster.listing import list_objects, with_type
from holdfast.errors import ApiRefused, Cancelled
from holdfast.model.cancel import Cancel
from holdfast.model.kubernetes import Resource

CONFIGMAPS = Resource("", "v1", "configmaps", "ConfigMap", namespaced=True)
EXPIRED = Answer(410, b'{"kind":"Status","reason":"Expired","message":"too old","metadata":{"continue":"later"}}')


class Lists:
    """A server's answers to list requests over `names`; requests whose numbers are in `expire` get a 410."""

    def __init__(self, names, expire=()):
        self.names = names
        self.expire = set(expire)
        self.queries = []

    def __call__(self, request):
        query = {name: values[0] for name, values in parse_qs(urlsplit(request.path).query).items()}
        self.queries.append(query)
        if len(self.queries) - 1 in self.expire:
            return EXPIRED
        start, limit = int(query.get("continue", 0)), int(query["limit"])
        end = start + limit
        metadata = {"resourceVersion": str(len(self.queries) if not start else 0)}
        if end < len(self.names):
            metadata |= {"continue": str(end), "remainingItemCount": len(self.names) - end}
        items = [{"metadata": {"name": name}} for name in self.names[start:end]]
        return Answer(200, json.dumps({"metadata": metadata, "items": items}).encode())


@pytest.fixture
def pages(serve, connect):
    """`pages(answer, **options)`: the pages of a list of ConfigMaps from such a server."""

    def listed(answer, *, cancel=None, **options):
        return list_objects(connect(serve(answer).url), CONFIGMAPS, cancel=cancel or Cancel(), **options)

    return listed


def taken(pages):
    """What a consumer holds at the end: a restart voids what came before."""
    held = []
    for page in pages:
        if page.restarted:
            held.clear()
        held += [json.loads(item)["metadata"]["name"] for item in page.items]
    return held


def test_pages_follow_each_other_until_the_end(pages):
    lists = Lists(["a", "b", "c", "d", "e"])
    found = list(pages(lists, page_size=2))
    assert [len(page.items) for page in found] == [2, 2, 1]
    assert [page.remaining for page in found] == [3, 1, None]
    assert [query.get("continue") for query in lists.queries] == [None, "2", "4"]


def test_a_list_is_narrowed_by_namespace_and_labels(serve, connect):
    server = serve(Lists([]))
    list(
        list_objects(connect(server.url), CONFIGMAPS, namespace="shop", label_selector="app in (a,b)", cancel=Cancel())
    )
    assert server.requests[0].path == (
        "/api/v1/namespaces/shop/configmaps?limit=500&labelSelector=app+in+%28a%2Cb%29"
    )  # fmt: skip


@pytest.mark.parametrize("items", ["[]", "null"])
def test_an_empty_list_is_one_empty_page(pages, items):
    body = f'{{"metadata":{{"resourceVersion":"7"}},"items":{items}}}'.encode()
    (page,) = pages(lambda _: Answer(200, body))
    assert (page.items, page.resource_version) == ([], "7")


@pytest.mark.parametrize("expire", [{1}, {2}, {1, 3}, {2, 4}])
def test_an_expired_list_begins_anew_and_nothing_is_taken_twice_or_lost(pages, expire):
    names = [f"n{number:02}" for number in range(40)]
    assert taken(pages(Lists(names, expire), page_size=2)) == names


def test_a_restart_is_marked_on_its_first_page_only_and_asks_for_larger_pages(pages):
    lists = Lists([str(number) for number in range(10)], expire={1})
    found = list(pages(lists, page_size=2))
    assert [page.restarted for page in found] == [False, True, False]
    assert [query["limit"] for query in lists.queries] == ["2", "2", "8", "8"]
    assert "continue" not in lists.queries[2]


def test_objects_that_changed_before_the_restart_are_taken_as_they_are_then(pages):
    """The case for beginning anew: `z` became `a` between two pages, and one of them must be in the result."""
    lists = Lists(["b", "c", "y", "z"], expire={1})
    listed = pages(lists, page_size=2)
    first = next(listed)
    lists.names = ["a", "b", "c", "y"]
    assert len(first.items) == 2
    assert taken(listed) == ["a", "b", "c", "y"]


def test_a_list_that_keeps_expiring_is_given_up(pages):
    lists = Lists([str(number) for number in range(1000)], expire={1, 3, 5, 7, 9, 11})
    with pytest.raises(ApiRefused) as error:
        list(pages(lists, page_size=2))
    assert (error.value.status, error.value.reason) == (410, "Expired")


def test_a_refused_list_names_the_kind(pages):
    body = b'{"kind":"Status","reason":"Forbidden","message":"configmaps is forbidden"}'
    with pytest.raises(ApiRefused) as error:
        list(pages(lambda _: Answer(403, body), namespace="shop"))
    assert str(error.value) == "cannot list configmaps in shop: configmaps is forbidden"


def test_a_cancelled_list_ends_before_its_next_page(pages):
    cancel, lists = Cancel(), Lists(["a", "b", "c"])
    listed = pages(lists, page_size=1, cancel=cancel)
    next(listed)
    cancel.request()
    with pytest.raises(Cancelled):
        next(listed)
    assert len(lists.queries) == 1


ITEM = b'{"metadata":{"name":"\\u0061"},"data":{"n":"1.0e3","big":12345678901234567890.10},"x":[ ]}'


def test_items_keep_their_bytes(pages):
    (page,) = pages(lambda _: Answer(200, b'{"metadata":{},"items":[%s , %s]}' % (ITEM, ITEM)))
    assert page.items == [b'{"kind":"ConfigMap","apiVersion":"v1",' + ITEM[1:]] * 2


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (b"{}", b'{"kind":"ConfigMap","apiVersion":"v1"}'),
        (b'{"a":1}', b'{"kind":"ConfigMap","apiVersion":"v1","a":1}'),
        (b'{"kind":"Own","a":1}', b'{"apiVersion":"v1","kind":"Own","a":1}'),
        (b'{"a":1,"apiVersion":"own/v1"}', b'{"kind":"ConfigMap","a":1,"apiVersion":"own/v1"}'),
        (
            b'{"a":{"kind":"x"},"kind":"Own","apiVersion":"own/v1"}',
            b'{"a":{"kind":"x"},"kind":"Own","apiVersion":"own/v1"}',
        ),
    ],
)
def test_kind_and_version_are_put_in_front_only_where_they_are_missing(item, expected):
    assert with_type(item, CONFIGMAPS) == expected


@given(
    st.dictionaries(
        st.text(), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=4)
    )
)
def test_any_object_gains_its_type_and_loses_nothing(content):
    content = {key: value for key, value in content.items() if key not in {"kind", "apiVersion"}}
    expected = {"kind": "ConfigMap", "apiVersion": "v1"} | content
    assert json.loads(with_type(json.dumps(content).encode(), CONFIGMAPS)) == expected
