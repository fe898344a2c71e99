"""An address is shown, and a library's message is passed on, without a password, whatever characters it has."""

import string
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slipway.errors import TrackingError
from slipway.tracking.passwords import hide_password, scrub_error
from slipway.tracking.store import open_store

PASSWORDS = st.text(string.ascii_letters + string.digits + "/#?@:;&=%+!$ ~'\"\\[]", min_size=6, max_size=20)
# Every one contains this, so that a message is searched for something that occurs in no other text.
CORES = st.sampled_from(["xq7zk", "Zj4Qw", "q9vXx"])


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("postgresql://ann:s3cret@db:5432/mlflow", "postgresql://db:5432/mlflow"),
        ("http://ann:a/b#c?d@host:5000/path", "http://host:5000/path"),
        ("http://ann:a@b@host", "http://host"),
        ("https://token@host", "https://host"),
        ("postgresql://db/mlflow?user=ann&password=s3cret", "postgresql://db/mlflow"),
        ("postgresql://db/mlflow?password=s3@cret", "postgresql://(hidden)"),
        ("ann:s3cret@host:5000", "host:5000"),
        ("http:/ann:s3cret@host", "http:/host"),
        ("http://host/#s3cret", "http://host/"),
        ("sqlite:////home/ann@work/mlflow.db", "sqlite:////home/ann@work/mlflow.db"),
        ("sqlite:///mlflow.db", "sqlite:///mlflow.db"),
        ("databricks", "databricks"),
    ],
)
def test_an_address_is_shown_without_what_may_be_a_password(uri, shown):
    assert hide_password(uri) == shown


@given(PASSWORDS, CORES, PASSWORDS, st.sampled_from(["http://", "postgresql+psycopg2://", "", "mysql:/"]))
def test_no_password_is_shown_in_any_place_of_an_address(before, core, after, scheme):
    password = before + core + after
    for uri in (
        f"{scheme}ann:{password}@host:5000/path",
        f"{scheme}ann:{quote(password, safe='')}@host:5000/path",
        f"{scheme}{password}@host",
        f"{scheme}host/mlflow?user=ann&password={password}",
        f"{scheme}ann:{password}@host/mlflow?password={password}",
    ):
        assert core not in hide_password(uri)


@given(PASSWORDS, CORES, PASSWORDS)
def test_a_library_s_message_shows_no_piece_of_a_password(before, core, after):
    uri = f"http://ann:{before}{core}{after}@host"
    netloc, _, path = uri.removeprefix("http://").partition("/")
    for text in (f"Failed to parse: {uri}", f"Max retries exceeded: host='{netloc.lower()}'", f"no such url: /{path}"):
        assert core.lower() not in scrub_error(uri, text).lower()


def test_a_message_without_the_password_is_passed_on():
    uri = "http://ann:s3cret@host:5000"
    assert scrub_error(uri, f"no route to {uri}: refused") == "no route to http://host:5000: refused"
    assert scrub_error("http://host", "host is away") == "host is away"


@pytest.mark.parametrize(
    ("uri", "text", "shown"),
    [
        (
            "http://ann:s3cret/x@host",
            "Failed to resolve 'ann:s3cret' (port 80)",
            "Failed to resolve '***:***' (port 80)",
        ),
        ("http://host:s3cret@host:5000", "host:5000 refused host:s3cret", "host:5000 refused ***"),
        ("postgresql://db/m?password=s3cret", "no table m in db (S3CRET)", "no table m in db (***)"),
        ("http://ann:a%20b!c@host", "bad login ann, 'a b!c' or a%20b!c", "bad login ***, '***' or ***"),
        ("http://ann:no@host", "no route to host, nothing else", "*** route to host, nothing else"),
    ],
)
def test_a_message_keeps_everything_but_the_secret(uri, text, shown):
    assert scrub_error(uri, text) == shown


# Words that share no letter with what is hidden, as neither do the marks around it.
WORDS = st.text("klmnop .,()", max_size=30)


@given(PASSWORDS, CORES, PASSWORDS, WORDS, WORDS, st.booleans())
def test_what_stands_around_a_secret_is_kept(before, core, after, first, last, encoded):
    hidden = "".join(char for char in f"{before}{core}{after}" if char.lower() not in "klmnop .,()")
    password = quote(hidden, safe="") if encoded else hidden
    text = f"{first}\n{hidden}\n{last}\n{password.upper()}"
    said = scrub_error(f"http://ann:{password}@host", text)
    assert said.startswith(f"{first}\n") and f"\n{last}\n" in said
    assert core.lower() not in said.lower()


@settings(max_examples=15, deadline=None)
@given(PASSWORDS, CORES, PASSWORDS, st.sampled_from(["http", "postgresql", "nonsense"]))
def test_a_store_that_cannot_be_opened_shows_no_password(before, core, after, scheme):
    uri = f"{scheme}://ann:{before}{core}{after}@127.0.0.1:9/mlflow"
    with pytest.raises(TrackingError) as caught, open_store(uri) as store:
        store.client.search_experiments()
    assert core.lower() not in str(caught.value).lower()
