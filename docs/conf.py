"""How the manual is built."""

from __future__ import annotations

import re

from pathlib import Path


project = "privdom"
author = "the privdom contributors"
_init = Path(__file__).parent.parent / "src" / "privdom" / "__init__.py"
release = re.search(r'__version__ = "(.+)"', _init.read_text(encoding="utf-8"))[1]
version = release.rpartition(".")[0]

extensions = ["myst_parser"]
exclude_patterns = ["_build"]
source_suffix = {".md": "markdown"}
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
nitpicky = True

html_theme = "furo"
html_title = f"privdom {release}"
