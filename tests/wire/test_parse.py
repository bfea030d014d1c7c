"""An answer that came another way is read like one of our own calls."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys

import pytest

import privdom.wecom

from privdom.errors import ApiError, NotACustomer, NotUnderstood, UsageError
from privdom.wecom import ENDPOINTS, parse_response
from privdom.wecom.contacts import CustomerIds


LIST = "/cgi-bin/externalcontact/list"


@pytest.mark.parametrize("kind", [str, bytes])
def test_an_answer_is_typed(kind: type) -> None:
    """Text and bytes alike, without errcode and errmsg."""
    body = '{"errcode":0,"errmsg":"ok","external_userid":["wm1"]}'

    answer = parse_response(LIST, body if kind is str else body.encode())

    assert CustomerIds(("wm1",)) == answer
    assert {} == dict(answer.extra)


@pytest.mark.parametrize("errmsg", ["Warning: wrong json format. ok", "ok", None])
def test_a_request_that_was_read_only_in_part_is_logged(errmsg: str | None, caplog: pytest.LogCaptureFixture) -> None:
    """WeCom goes on without what it cannot read, and answers errcode 0: nothing else would tell."""
    body = json.dumps({"errcode": 0, "errmsg": errmsg, "external_userid": ["wm1"]})

    assert CustomerIds(("wm1",)) == parse_response(LIST, body)
    warned = [record.getMessage() for record in caplog.records if record.name == "privdom.wecom"]
    assert bool(errmsg and "Warning" in errmsg) == bool(warned)
    assert all(LIST in message for message in warned)


def test_an_errcode_is_an_error() -> None:
    """Of the class that fits, with the endpoint's path and page."""
    with pytest.raises(NotACustomer) as caught:
        parse_response(LIST, '{"errcode":84061,"errmsg":"not external contact, hint: [1_2]","external_userid":[]}')

    error = caught.value
    assert (84061, LIST, "1_2") == (error.errcode, error.path, error.hint)
    assert error.doc_url.endswith("/92113")
    assert isinstance(pickle.loads(pickle.dumps(error)), ApiError)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html><body>502</body></html>",
        '{"errcode":0,"external',
        "[]",
        "5",
        "{}",
        '{"errcode":"x"}',
        '{"errcode":[]}',
    ],
    ids=["nothing", "a web page", "cut", "a list", "a number", "no errcode", "odd errcode", "list for errcode"],
)
def test_what_is_no_answer_is_not_understood(body: str) -> None:
    """Nothing but `NotUnderstood`, whose outcome is unknown."""
    with pytest.raises(NotUnderstood):
        parse_response(LIST, body)


def test_an_unknown_path_is_a_slip() -> None:
    """The message says where the paths are."""
    with pytest.raises(UsageError, match="ENDPOINTS"):
        parse_response("/cgi-bin/nothing", "{}")


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda e: e.path)
def test_every_endpoint_survives_an_empty_success(endpoint: privdom.wecom.Endpoint) -> None:
    """An answer without any field is understood where nothing is sure, and refused by name where an id is."""
    body = json.dumps({"errcode": 0, "errmsg": "ok"})

    try:
        answer = parse_response(endpoint.path, body)
    except NotUnderstood as e:
        said = str(e)
    else:
        said = repr(answer)

    assert said.endswith(("()", "is missing"))


def test_the_package_loads_no_database() -> None:
    """Every name of privdom.wecom can be used without SQLAlchemy."""
    script = (
        "import sys, privdom.wecom as w\n"
        "light = 'httpx' not in sys.modules\n"
        "[getattr(w, name) for name in w.__all__]\n"
        "print(light, 'sqlalchemy' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert "True False" == done.stdout.strip()


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As for any module."""
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = privdom.wecom.no_such_name  # type: ignore[attr-defined]
    assert "WeCom" in dir(privdom.wecom)
