"""Settings become working parts."""

import signal

import pytest
from tests.sample_repository import init

from holdfast import assembly
from holdfast.assembly import Settings
from holdfast.errors import KubeconfigInvalid, NoRepository, RepositoryExists, UsageError, WrongPassword
from holdfast.model.cancel import Cancel
from holdfast.store.local import LocalStore
from holdfast.store.retrying import RetryingStore


@pytest.fixture
def settings(tmp_path):
    """`settings(**fields)`: a directory that does not exist yet, a password in the environment."""

    def make(**fields):
        given = {"repository": str(tmp_path / "repository"), "environ": {"HOLDFAST_PASSWORD": "secret"}}
        return Settings(**given | fields)

    return make


def test_a_store_is_asked_again_when_it_fails_for_a_moment(settings):
    store = assembly.open_store(settings(), Cancel())
    assert isinstance(store, RetryingStore)
    assert store.url.endswith("/repository")


def test_a_repository_is_made_once_and_opened_with_its_password(settings):
    made = assembly.init_repository(settings(), Cancel())
    assert assembly.open_repository(settings(), Cancel()).config == made.config
    with pytest.raises(RepositoryExists):
        assembly.init_repository(settings(), Cancel())
    with pytest.raises(WrongPassword):
        assembly.open_repository(settings(environ={"HOLDFAST_PASSWORD": "other"}), Cancel())


def test_opening_makes_no_repository(settings, tmp_path):
    with pytest.raises(NoRepository):
        assembly.open_repository(settings(), Cancel())
    assert not (tmp_path / "repository").exists()


def test_nothing_can_be_opened_without_a_url(settings):
    with pytest.raises(UsageError) as error:
        assembly.open_store(settings(repository=""), Cancel())
    assert "HOLDFAST_REPOSITORY" in error.value.why


def test_the_password_of_a_file_goes_before_the_environment(settings, tmp_path):
    init(LocalStore(tmp_path / "repository"), "of the file")
    (tmp_path / "password").write_text("of the file\n")
    assembly.open_repository(settings(password_file=tmp_path / "password"), Cancel())


@pytest.mark.parametrize(
    ("content", "password"), [("a\n", "a"), ("a\r\n", "a"), (" a ", " a "), ("a\nb", "a\nb"), ("", "")]
)
def test_only_line_ends_at_the_end_are_no_part_of_a_password(tmp_path, content, password):
    (tmp_path / "password").write_bytes(content.encode())
    assert assembly.read_password_file(tmp_path / "password") == password


def test_connecting_sends_nothing(settings, tmp_path):
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        "clusters: [{name: a, cluster: {server: 'https://127.0.0.1:1'}}]\n"
        "contexts: [{name: a, context: {cluster: a}}, {name: b, context: {cluster: a}}]\n"
        "current-context: a\n"
    )
    cluster = assembly.connect(settings(kubeconfig=str(kubeconfig), context="b"), Cancel())
    assert cluster.connection.settings.context == "b"
    assert cluster.connection.settings.server == "https://127.0.0.1:1"
    cluster.close()


def test_the_kubeconfig_of_the_environment_is_used_without_a_flag(settings, tmp_path):
    with pytest.raises(KubeconfigInvalid, match="no kubeconfig found"):
        assembly.connect(settings(environ={"KUBECONFIG": str(tmp_path / "none"), "HOME": str(tmp_path)}), Cancel())


def test_a_question_can_be_interrupted_and_afterwards_all_is_as_before():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), assembly.interruptible():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_password_is_typed_once(settings, monkeypatch):
    """Movers may need it again, long after the repository was opened."""
    answers = ["typed"]
    monkeypatch.setattr(assembly, "ask_password", lambda _, *, confirm: answers.pop())  # noqa: ARG005 - its signature
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    given = settings(environ={})
    assert [assembly.read_password(given), assembly.read_password(given)] == ["typed", "typed"]
