import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.objects.patching.subjects import failure, is_for, patched, subject

from holdfast.errors import UsageError
from holdfast.objects.fields import copied
from holdfast.objects.patching.files import parse_patches

LIST = """
- target: {kind: Deployment, name: web-*}
  type: merge
  patch: {spec: {replicas: 1, paused: null}}
- target: {kind: Deployment}
  type: json
  patch: |
    - {op: add, path: /metadata/labels/tier, value: front}
    - {op: test, path: /spec/replicas, value: 1}
- target: {kind: Deployment}
  type: strategic
  patch:
    spec: {template: {spec: {containers: [{name: side, image: "side:1"}]}}}
"""


def parse(text):
    return parse_patches(text, "p.yaml")


def web():
    containers = [{"name": "main", "image": "web:1"}]
    return subject(name="web-1", spec={"replicas": 3, "paused": True, "template": {"spec": {"containers": containers}}})


def test_three_types_are_applied_one_after_the_other():
    one = web()
    kept = copied(one.object)

    after = patched(parse(LIST), one)

    assert after["spec"]["replicas"] == 1
    assert "paused" not in after["spec"]
    assert after["metadata"]["labels"] == {"tier": "front"}
    assert [each["name"] for each in after["spec"]["template"]["spec"]["containers"]] == ["side", "main"]
    assert one.object == kept


@pytest.mark.parametrize(
    ("target", "fits"),
    [
        ("{kind: deployment}", True),
        ("{kind: deployments.apps}", True),
        ("{kind: Deploy*}", True),
        ("{kind: '*'}", True),
        ("{kind: Pod}", False),
        ("{group: apps, version: v1}", True),
        ("{group: ''}", False),
        ("{group: apps, version: v1beta1}", False),
        ("{name: 'web-?'}", True),
        ("{name: '{db,web}-[0-9]'}", True),
        ("{name: '[!w]*'}", False),
        ("{name: web}", False),
        ("{nameRegex: '^w.*[0-9]$'}", True),
        ("{nameRegex: b-}", True),
        ("{nameRegex: ^b-}", False),
        ("{namespace: sh*}", True),
        ("{namespace: copy}", False),
        ("{labelSelector: 'app in (a,b),!canary'}", True),
        ("{labelSelector: app=b}", False),
        ("{kind: Deployment, name: other}", False),
    ],
)
def test_target(target, fits):
    patches = parse(f"[{{target: {target}, type: merge, patch: {{a: 1}}}}]")
    one = subject(name="web-1", labels={"app": "a"}, now="copy")

    assert bool(is_for(patches, one)) == fits


def test_kustomization_has_regular_expressions_and_types_by_form():
    patches = parse("""
        kind: Kustomization
        patches:
        - target: {kind: Deployment, name: web.*, namespace: sh.p}
          patch: "[{op: replace, path: /spec/replicas, value: 2}]"
        - patch: |
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: web-1, namespace: shop, labels: {a: b}}
        - target: {kind: Widget, name: web}
          patch: {kind: Widget, metadata: {name: any}, spec: {list: [{name: b}]}}
    """)
    widget = subject("Widget", "web", spec={"list": [{"name": "a"}]})

    after = patched(patches, web())

    assert (after["spec"]["replicas"], after["metadata"]["labels"]) == (2, {"a": "b"})
    assert is_for(patches, subject(name="my-web", spec={})) == []
    assert patched(patches, widget)["spec"] == {"list": [{"name": "b"}]}
    assert patched(patches, widget)["metadata"]["name"] == "web"


def test_conditions_look_at_the_object_before_the_first_patch():
    patches = parse("""
        - {target: {labelSelector: app=a}, type: merge, patch: {metadata: {labels: {app: b}}}}
        - {target: {labelSelector: app=b}, type: merge, patch: {metadata: {labels: {app: c}}}}
    """)

    assert is_for(patches, subject(labels={"app": "a"})) == ["1"]


@pytest.mark.parametrize(
    ("patch", "why"),
    [
        ("{metadata: {name: other}}", "would change the name from 'web' to 'other'"),
        ("{metadata: {namespace: other}}", "the namespace from 'shop' to 'other'; --map-namespace does that"),
        ("{kind: Pod}", "would change the kind"),
        ("{metadata: null}", "not an object with metadata"),
    ],
)
def test_patch_does_not_make_another_object(patch, why):
    patches = parse(f"[{{target: {{kind: '*'}}, type: merge, patch: {patch}}}]")

    assert why in failure(patches, subject())
    assert failure(patches, subject()).startswith("p.yaml, patch 1 cannot be applied: ")


def test_strategic_patch_is_for_built_in_kinds():
    patches = parse("[{target: {kind: Widget}, type: strategic, patch: {spec: {a: 1}}}]")

    assert "widgets.example.com is a custom kind" in failure(patches, subject("Widget"))


def test_dates_stay_texts():
    patches = parse("[{target: {kind: '*'}, type: merge, patch: {metadata: {labels: {day: 2026-11-26}}}}]")

    assert patched(patches, subject())["metadata"]["labels"] == {"day": "2026-11-26"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "holds no patch"),
        ("[]", "holds no patch"),
        ("text", "neither a list of patches nor a map"),
        ("{patches: 1}", "neither a list"),
        ("{resources: [a.yaml], patches: []}", "'resources'"),
        ("[1]", "it is not a map"),
        ("[{type: merge, patch: {}}]", "target is not valid: it is not a map"),
        ("[{target: {}, type: merge, patch: {}}]", "names nothing"),
        ("[{target: {kind: a, nam: b}, type: merge, patch: {}}]", "there is no field 'nam'"),
        ("[{target: {kind: 1}, type: merge, patch: {}}]", "kind is not a text"),
        ("[{target: {kind: a}, type: burn, patch: {}}]", "'burn' is none of json, merge, strategic"),
        ("[{target: {kind: a}, type: json, patch: {}}]", "not a list of steps"),
        ("[{target: {kind: a}, type: merge}]", "missing or not a map"),
        ("[{target: {kind: a}, patch: text}]", "missing or not a map"),
        ("[{target: {kind: a}, patch: 'a: [b'}]", "cannot be read"),
        ("[{target: {kind: a}, patch: [{op: burn, path: /a}]}]", "op 'burn' is none of"),
        ("[{target: {kind: a}, patch: [{op: add, path: /a}]}]", "add needs path and value"),
        ("[{target: {kind: a}, patch: [{op: move, path: /a}]}]", "move needs path and from"),
        ("[{target: {kind: a}, patch: [{op: remove, path: a}]}]", "does not begin with /"),
        ("[{target: {nameRegex: '('}, type: merge, patch: {}}]", "the pattern '(' is not possible"),
        ("[{target: {name: '{a'}, type: merge, patch: {}}]", "has a { without }"),
        ("[{target: {labelSelector: 'a=='}, type: merge, patch: {1: 2}}]", "the key 1 is not a text"),
        ("[{target: {labelSelector: '=b'}, type: merge, patch: {}}]", "the label selector '=b' is not valid"),
        ("{patches: [{path: other.yaml}]}", "a patch in another file is not read"),
        ("{patches: [{patch: {kind: A}}]}", "does not name an object"),
        ("[{target: {kind: a}, type: merge, patch: {a: .nan}}]", "nan is not a number in JSON"),
        ("[{target: {kind: a}, type: merge, patch: {a: !!binary aGk=}}]", "a bytes cannot be part of an object"),
        ("a: &a [*a]", "too deep"),
        ("- {a: b", "cannot be read"),
        ("!!python/object:os.system x", "cannot be read"),
        ("\0", "cannot be read"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(text, why):
    with pytest.raises(UsageError) as error:
        parse(text)
    assert why in str(error.value)
    assert error.value.next


def test_aliases_cannot_make_a_short_file_long():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]

    with pytest.raises(UsageError, match="too many values"):
        parse("\n".join(lines))


@given(st.binary(max_size=200) | st.text("[]{}:,-'\"&*!|>\n ab$/\\0", max_size=80))
def test_any_bytes_are_patches_or_a_usage_error(data):
    with contextlib.suppress(UsageError):
        parse(data)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["target", "patch", "type", "kind", "name", "op", "path", "value", "patches", "a"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)


@given(VALUES)
def test_any_values_are_patches_or_a_usage_error(value):
    try:
        patches = parse(json.dumps(value))
    except UsageError:
        return
    for patch in patches:
        patch.is_for(subject())
