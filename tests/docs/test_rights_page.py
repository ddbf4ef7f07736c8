"""docs/rights.md says what the roles say."""

from tests.docs.rights import PAGE, generated, render

from holdfast.manifests.rights import TABLES


def test_the_page_is_what_the_tables_say():
    assert generated(PAGE.read_text()) == render(), "run `python -m tests.docs.rights`"


def test_every_role_and_reason_is_on_the_page():
    page = PAGE.read_text()
    for table in TABLES:
        assert f"### {table.name}" in page
        for right in table.rights:
            assert right.why in page
