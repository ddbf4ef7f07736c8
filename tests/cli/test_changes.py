"""The flags by which a restore changes objects, as people use them: files, exit codes, messages."""

import pytest

PATCHES = """
- target: {kind: ConfigMap, name: settings}
  type: merge
  patch: {data: {colour: red}}
- target: {kind: ConfigMap, name: none}
  type: merge
  patch: {data: null}
"""
MODIFIERS = """
version: v1
resourceModifierRules:
- conditions: {groupResource: configmaps, resourceNameRegex: "^settings$"}
  patches:
  - {operation: add, path: /data/size, value: '"3"'}
"""


@pytest.fixture
def saved(connected, shop, cluster):
    """The program with a backup `shop` of a namespace whose ConfigMap is lost."""
    connected("backup", "create", "-n", shop, "--name", "shop")
    cluster.api.request("DELETE", settings(shop))
    return connected


def settings(namespace):
    return f"/api/v1/namespaces/{namespace}/configmaps/settings"


def test_patches_and_modifiers_are_read_from_files(saved, shop, cluster, tmp_path):
    patches, modifiers = tmp_path / "patches.yaml", tmp_path / "modifiers.yaml"
    patches.write_text(PATCHES)
    modifiers.write_text(MODIFIERS)

    done = saved("restore", "run", "shop", "--patch", patches, "--resource-modifiers", modifiers)

    assert cluster.api.request("GET", settings(shop))["data"] == {"colour": "red", "size": "3"}
    assert f"Note: {patches}, patch 2 is for no object of this restore" in done.err


def test_plan_with_an_object_that_cannot_be_patched_is_3(saved, tmp_path):
    patches = tmp_path / "patches.yaml"
    patches.write_text("[{target: {kind: ConfigMap}, type: json, patch: [{op: remove, path: /data/size}]}]")

    plan = saved("restore", "plan", "shop", "--patch", patches, "-o", "json", code=3).document

    (blocked,) = [item for item in plan["objects"] if item["action"] == "blocked"]
    assert blocked["why"] == f"{patches}, patch 1 cannot be applied: remove /data/size: there is no 'size'"
    assert blocked["next"]


@pytest.mark.parametrize(
    "flags",
    [
        ("--map-image", "nginx"),
        ("--map-node-label", "zone"),
        ("--patch", "missing.yaml"),
        ("--patch", "."),
        ("--resource-modifiers", "missing.yaml"),
    ],
)
def test_flags_that_make_no_sense_are_2_before_anything_is_opened(holdfast, flags):
    problem = holdfast("restore", "plan", "latest", *flags, code=2).problem

    assert all(problem)
    assert flags[1] in problem[0]


def test_file_with_a_typing_error_is_2_and_says_where(holdfast, tmp_path):
    patches = tmp_path / "patches.yaml"
    patches.write_text("- target: {kind: Deployment}\n  tipe: merge\n")

    what, why, _ = holdfast("restore", "run", "latest", "--patch", patches, code=2).problem

    assert what == f"{patches}, patch 1 is not valid"
    assert why == "there is no field 'tipe'"
