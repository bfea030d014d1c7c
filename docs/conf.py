"""How the manual is built."""

from __future__ import annotations

import re
import sys

from pathlib import Path


sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "privdom"
author = "the privdom contributors"
_init = Path(__file__).parent.parent / "src" / "privdom" / "__init__.py"
release = re.search(r'__version__ = "(.+)"', _init.read_text(encoding="utf-8"))[1]
version = release.rpartition(".")[0]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "reference"]
exclude_patterns = ["_build"]
source_suffix = {".md": "markdown"}
myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 3
nitpicky = True
# Signatures name types of other projects, and of parts of this one that have no page.
nitpick_ignore_regex = [("py:.*", ".*")]

default_role = "py:obj"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 130
python_use_unqualified_type_names = True
add_module_names = False
toc_object_entries = False  # the headings are enough

html_theme = "furo"
html_title = f"privdom {release}"
html_static_path = ["_static"]
html_css_files = ["reference.css"]
