from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.cluster import kubeconfig
from holdfast.cluster.cluster import Cluster
from holdfast.cluster.connection import Connection
from holdfast.errors import ApiRefused, UsageError
from holdfast.model.cancel import Cancel
from holdfast.model.kubernetes import Resource
from holdfast.objects.label_selector import Expression, LabelSelector, Operator, Requirement
from holdfast.objects.metadata import glimpse

LABELS = {"app": "web", "tier": "front", "example.com/zone": "a", "empty": "", "replicas": "5"}

NAMES = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,6}[A-Za-z0-9])?", fullmatch=True)
PREFIXES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,4}[a-z0-9])?(\.[a-z0-9]{1,3})?", fullmatch=True)
KEYS = NAMES | st.builds("{}/{}".format, PREFIXES, NAMES)
VALUES = st.just("") | NAMES
REQUIREMENTS = st.one_of(
    st.builds(
        lambda key, operator, values: Requirement(key, operator, tuple(sorted(values))),
        KEYS,
        st.sampled_from([Operator.IN, Operator.NOT_IN]),
        st.sets(VALUES, min_size=1, max_size=4),
    ),
    st.builds(Requirement, KEYS, st.sampled_from([Operator.EXISTS, Operator.ABSENT]), st.just(())),
    st.builds(
        lambda key, operator, number: Requirement(key, operator, (str(number),)),
        KEYS,
        st.sampled_from([Operator.GREATER, Operator.LESS]),
        st.integers(0, 2**63 - 1),
    ),
)
SELECTORS = st.builds(LabelSelector.of, st.lists(REQUIREMENTS, max_size=4))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ("app=web", True),
        ("app==web", True),
        ("app = web", True),
        ("app=shop", False),
        ("none=web", False),
        ("app!=web", False),
        ("app!=shop", True),
        ("none!=web", True),
        ("app in (web,shop)", True),
        ("app in (shop)", False),
        ("none in (web)", False),
        ("app notin (web)", False),
        ("none notin (web)", True),
        ("app", True),
        ("none", False),
        ("!app", False),
        ("! none", True),
        ("empty=", True),
        ("empty", True),
        ("empty in ()", True),
        ("app in (,web)", True),
        ("none=", False),
        ("example.com/zone=a", True),
        ("app=web,tier=front", True),
        ("app=web,tier=back", False),
        ("app=web,,tier=front", None),
        ("replicas>4", True),
        ("replicas>5", False),
        ("replicas<6", True),
        ("app>1", False),
        ("none<9", False),
    ],
)
def test_matching_follows_kubernetes(text, expected):
    if expected is None:
        with pytest.raises(UsageError):
            LabelSelector.parse(text)
    else:
        assert LabelSelector.parse(text).matches(LABELS) is expected


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("app==web", "app=web"),
        (" tier = front ,app", "app,tier=front"),
        ("a in (y, x,y)", "a in (x,y)"),
        ("a in (x)", "a=x"),
        ("a notin (x)", "a!=x"),
        ("a in ()", "a="),
        ("a in (,x)", "a in (,x)"),
        ("!a,!a", "!a"),
        ("in in (in,notin)", "in in (in,notin)"),
        ("notin notin (in)", "notin!=in"),
        ("a=in", "a=in"),
    ],
)
def test_spellings_of_one_selector_have_one_canonical_text(text, canonical):
    assert str(LabelSelector.parse(text)) == canonical


@given(SELECTORS)
def test_the_canonical_text_parses_to_the_same_selector(selector):
    assert LabelSelector.parse(str(selector)) == selector


@given(SELECTORS, st.dictionaries(KEYS, VALUES, max_size=5))
def test_a_selector_matches_when_each_of_its_requirements_does(selector, labels):
    alone = [LabelSelector((requirement,)).matches(labels) for requirement in selector.requirements]
    assert selector.matches(labels) == all(alone)


@given(KEYS, st.sets(VALUES, min_size=1), st.dictionaries(KEYS, VALUES))
def test_in_and_notin_are_opposites(key, values, labels):
    listed = ",".join(sorted(values))
    positive = LabelSelector.parse(f"{key} in ({listed})")
    assert positive.matches(labels) != LabelSelector.parse(f"{key} notin ({listed})").matches(labels)


@given(st.text())
def test_any_text_is_a_selector_or_a_usage_error(text):
    try:
        selector = LabelSelector.parse(text)
    except UsageError:
        return
    assert LabelSelector.parse(str(selector)) == selector


@pytest.mark.parametrize(
    ("text", "position", "why"),
    [
        ("=web", 1, "a label's name"),
        (",app", 1, "a label's name"),
        ("app,", 5, "found the end"),
        ("app web", 5, "one of = =="),
        ("!app=web", 5, "a comma or the end"),
        ("app===web", 6, "expected a value, found '='"),
        ("app=web tier", 9, "a comma or the end"),
        ("app in web", 8, "an opening parenthesis"),
        ("app in (web", 12, "closing parenthesis"),
        ("app in (web shop)", 13, "closing parenthesis"),
        ("app in (a)b", 11, "a comma or the end"),
        ("-app", 1, "1 to 63"),
        ("a/b/c", 1, "DNS name"),
        ("/a", 1, "DNS name"),
        ("Example.com/a", 1, "DNS name"),
        ("example.com/", 1, "1 to 63"),
        ("app=web-", 5, "up to 63"),
        ("app=" + "x" * 64, 5, "up to 63"),
        ("x" * 64, 1, "1 to 63"),
        ("a" * 254 + "/x", 1, "DNS name"),
        ("app>many", 5, "whole number"),
        ("app>", 5, "whole number"),
        (f"app<{2**63}", 5, "whole number"),
        ("app=\N{SNOWMAN}", 5, "up to 63"),
    ],
)
def test_bad_input_is_a_usage_error_that_names_the_place(text, position, why):
    with pytest.raises(UsageError, match=rf"at character {position}: .*{re.escape(why)}"):
        LabelSelector.parse(text)


def test_the_form_in_objects_means_the_same_as_the_text():
    structured = LabelSelector.from_object(
        {"app": "web"},
        [
            Expression("tier", "In", ["front", "back"]),
            Expression("stage", "NotIn", ["dev"]),
            Expression("owner", "Exists"),
            Expression("canary", "DoesNotExist"),
        ],
    )
    assert structured == LabelSelector.parse("app=web,tier in (back,front),stage!=dev,owner,!canary")


class TestAgainstTheServer:
    """The API server parses and matches selectors itself, so that its lists are the measure of ours."""

    CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap", namespaced=True)
    LABELLED = (
        {},
        {"app": "web"},
        {"app": "web", "tier": "front"},
        {"app": "db", "tier": "back", "example.com/zone": "a"},
        {"app": "", "size": "5"},
        {"app": "in", "size": "05", "in": "notin"},
        {"size": "6"},
        {"size": "many", "notin": ""},
        {"size": "9223372036854775807"},
        {"size": "99999999999999999999"},
        {"size": "5.5", "example.com/zone": "b"},
    )
    TEXTS = (
        *(
            "",
            " ",
            "app",
            "!app",
            "! app",
            "app=web",
            "app==web",
            "app = web",
            "app!=web",
            "app=",
            "app!=",
            "app=,tier",
        ),
        *(
            "app in (web)",
            "app in (web,db)",
            "app in()",
            "app in ()",
            "app in (,web)",
            "app in (web,,db)",
            "app in (web,)",
        ),
        *("app notin (web)", "app notin (web,db)", "app notin ()", "app notin (,web)", "app notin(db) , tier"),
        *(
            "example.com/zone",
            "example.com/zone in (a,c)",
            "!example.com/zone",
            "in",
            "in in (notin)",
            "in=notin",
            "app=in",
        ),
        *("notin", "notin notin (in)", "size>5", "size<6", "size > 4,size<7", "size>05", f"size<{2**63 - 1}", "size>0"),
        *("app=web,app=db", "app=web,tier=front", "app,!tier", "tier,app=web,tier", "app=web\t,\ntier"),
        *("=", ",", "app,", ",app", "app,,tier", "app web", "!app=web", "!!app", "app===web", "app=!web", "app in web"),
        *("app in", "app in (", "app in (web", "app in web)", "app in (web db)", "app in (web))", "(app)", "app=(web)"),
        *(
            "-app",
            "app-",
            "a/b/c",
            "/app",
            "app/",
            "Example.com/zone",
            "example..com/zone",
            "app=-web",
            "app=web-",
            "app=a/b",
        ),
        *("x" * 63, "x" * 64, "app=" + "x" * 63, "app=" + "x" * 64, "a" * 253 + "/x", "a" * 254 + "/x"),
        *(
            "size>many",
            "size>",
            "size>-1",
            "size>5.5",
            f"size<{2**63}",
            "size>=5",
            "size in >5",
            "app\N{SNOWMAN}",
            "*",
            "app=*",
        ),
    )

    @pytest.fixture
    def product(self, cluster):
        connected = Cluster(Connection(kubeconfig.load(str(cluster.kubeconfig), None, {}), cancel=Cancel()))
        yield connected
        connected.close()

    @pytest.fixture
    def objects(self, product, namespace):
        """Labels by name, of objects that exist in `namespace`."""
        by_name = {f"object-{number}": labels for number, labels in enumerate(self.LABELLED)}
        for name, labels in by_name.items():
            body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}}
            product.create(self.CONFIG_MAPS, namespace, json.dumps(body).encode())
        return by_name | {"kube-root-ca.crt": {}}

    def test_valid_and_matching_mean_what_they_mean_to_the_api_server(self, product, namespace, objects):
        ours = {text: self.our_answer(text, objects) for text in self.TEXTS}
        theirs = {text: self.server_answer(product, namespace, text) for text in self.TEXTS}
        assert ours == theirs

    def test_the_canonical_text_means_the_same_to_the_api_server(self, product, namespace, objects):
        valid = [text for text in self.TEXTS if self.our_answer(text, objects) is not None]
        ours = {text: self.our_answer(text, objects) for text in valid}
        theirs = {text: self.server_answer(product, namespace, str(LabelSelector.parse(text))) for text in valid}
        assert ours == theirs

    def our_answer(self, text, objects):
        """Names of what matches; None if the text is no selector."""
        try:
            selector = LabelSelector.parse(text)
        except UsageError:
            return None
        return {name for name, labels in objects.items() if selector.matches(labels)}

    def server_answer(self, product, namespace, text):
        try:
            pages = list(product.list(self.CONFIG_MAPS, namespace=namespace, label_selector=text))
        except ApiRefused as error:
            assert error.status == 400  # noqa: PT017 - other refusals are not an answer
            return None
        return {glimpse(item).name for page in pages for item in page.items}
