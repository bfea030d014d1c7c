"""
Reads the small XML documents of callbacks, and refuses what a callback never holds.

The body of a callback is read before anything about its sender is known, so
DTDs (and with them all entities of one's own), great depth and great size are
errors here, not features.
"""

from __future__ import annotations

from typing import TypeAlias
from xml.parsers import expat

from privdom.errors import MalformedXml


__all__ = ["MAX_BYTES", "MAX_DEPTH", "Node", "Tree", "read"]

Node: TypeAlias = "str | Tree | list[Node]"
"""The text of an element, its children, or a list where an element stands more than once."""
Tree: TypeAlias = "dict[str, Node]"

# The largest event known, a group's change that names all of 500 members, has
# about 30 kB; nothing known is deeper than 6 (ExtAttr/Item/Text/Value).
MAX_BYTES = 262_144
MAX_DEPTH = 16


def read(xml: bytes | str) -> Tree:
    """
    Return the children of the root of *xml*, which is UTF-8.

    Text beside child elements is dropped: it is indentation.

    Raises:
        MalformedXml: It is not XML, holds a DTD, or passes `MAX_BYTES` or `MAX_DEPTH`.
    """
    if isinstance(xml, str):
        xml = xml.encode("utf-8", "surrogatepass")  # expat refuses the surrogates
    if len(xml) > MAX_BYTES:
        msg = f"a callback of {len(xml)} bytes is larger than the {MAX_BYTES} allowed"
        raise MalformedXml(msg)
    document: Tree = {}
    tree: Tree | None = document  # of the element that is open; None until a child comes
    outer: list[Tree | None] = []
    texts: list[str] = []

    def start(name: str, attributes: object) -> None:
        nonlocal tree
        if len(outer) >= MAX_DEPTH:
            msg = f"elements stand more than {MAX_DEPTH} deep"
            raise MalformedXml(msg)
        outer.append(tree)
        tree = None
        texts.clear()

    def end(name: str) -> None:
        nonlocal tree
        node: Node = "".join(texts) if tree is None else tree
        texts.clear()
        tree = outer.pop()
        if tree is None:
            tree = {name: node}
        elif name not in tree:
            tree[name] = node
        elif isinstance(before := tree[name], list):
            before.append(node)
        else:
            tree[name] = [before, node]

    def refuse(*doctype: object) -> None:
        msg = "a callback may not hold a DTD or entities"
        raise MalformedXml(msg)

    # Naming the encoding overrides what the document claims about itself.
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = texts.append
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(xml, True)
    except expat.ExpatError as e:
        # Its message holds a position, never the text.
        msg = f"not XML: {e}"
        raise MalformedXml(msg) from None
    (root,) = document.values()
    return root if isinstance(root, dict) else {}
