"""The reader of callback XML takes what WeCom sends and refuses the rest."""

from __future__ import annotations

from contextlib import suppress

import pytest

from hypothesis import given
from hypothesis import strategies as st

from privdom.errors import MalformedXml
from privdom.wecom.callbacks.xml import MAX_BYTES, MAX_DEPTH, read


def test_children_text_and_repetition_are_kept() -> None:
    """Text, children, repeated elements and empty ones each have one shape."""
    xml = "<xml>\n <A><![CDATA[1<2]]></A> <B>x&amp;y</B><C/><D><E>1</E><E>2</E><E>3</E></D>\n</xml>"

    assert read(xml) == {"A": "1<2", "B": "x&y", "C": "", "D": {"E": ["1", "2", "3"]}}


def test_text_split_by_cdata_is_joined() -> None:
    """CDATA sections and bare text of one element are one text."""
    assert read(b"<xml><A>one <![CDATA[two]]]]><![CDATA[>]]></A></xml>") == {"A": "one two]]>"}


def test_a_root_without_children_is_empty() -> None:
    """Text alone has nothing to name it by."""
    assert read("<xml>text</xml>") == {}


BOMB = "<!DOCTYPE x [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;'>]><xml><A>&b;</A></xml>"


@pytest.mark.parametrize(
    "xml",
    [
        BOMB,
        '<!DOCTYPE x SYSTEM "file:///etc/passwd"><xml/>',
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><xml>&a;</xml>',
        BOMB.encode("utf-16"),
        "<xml>&undefined;</xml>",
        "<xml>",
        "<xml></xml><xml></xml>",
        "",
        b"<xml>\xff</xml>",
        "<xml>\ud800</xml>",
        "<a>" * (MAX_DEPTH + 1) + "</a>" * (MAX_DEPTH + 1),
        "<xml>" + " " * MAX_BYTES + "</xml>",
    ],
)
def test_what_a_callback_never_holds_is_refused(xml: str | bytes) -> None:
    """DTDs, entities, cut-off text, wrong bytes, great depth and great size are MalformedXml."""
    with pytest.raises(MalformedXml):
        read(xml)


def test_a_dtd_in_a_text_is_just_text() -> None:
    """A customer may write about XML."""
    assert read("<xml><Content><![CDATA[<!DOCTYPE html>]]></Content></xml>") == {"Content": "<!DOCTYPE html>"}


def test_the_deepest_document_allowed_is_read() -> None:
    """The limit itself is allowed."""
    assert read("<a>" * MAX_DEPTH + "x" + "</a>" * MAX_DEPTH)


@given(st.binary() | st.text() | st.text("<>/ax&;![]CDATA\"'= ", max_size=60))
def test_arbitrary_input_raises_malformed_xml_only(xml: bytes | str) -> None:
    """No input leads to another error."""
    with suppress(MalformedXml):
        read(xml)
