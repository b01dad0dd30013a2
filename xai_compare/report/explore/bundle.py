"""The page's file: our modules as one script, the data as text that no browser runs.

A page that was opened from a folder may import no module from beside it. So each module becomes a function of its own
in one script, in the order in which they need one another: ``import`` lines become the names that other functions gave
back, ``export`` is left out. The modules stay what editors and type checkers know, nothing has to be built, and the
page allows this one script by its hash and no other: an import map of ``data:`` addresses would have to allow them all.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from markupsafe import Markup

from xai_compare.files import write_atomically
from xai_compare.report.page import _environment
from xai_compare.version import VERSION

MAIN = "main"
_IMPORT = re.compile(r'^import (\{[^}]*\}) from "\./([a-z_]+)\.js";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) (\w+))", re.MULTILINE)


@cache
def script() -> str:
    """Our modules as one script.

    Raises:
        ValueError: if modules need one another in a circle, or an import or export is written in another way.
    """
    texts: dict[str, str] = {}
    _gather(MAIN, texts, ())
    return "\n".join(_function(name, text) for name, text in texts.items())


def _gather(name: str, texts: dict[str, str], above: Sequence[str]) -> None:
    if name in above:
        raise ValueError(f"modules need one another in a circle: {', '.join((*above, name))}")
    if name not in texts:
        text = _static(f"{name}.js")
        for _, needed in _IMPORT.findall(text):
            _gather(needed, texts, (*above, name))
        texts[name] = text


def _function(name: str, text: str) -> str:
    """A module as a function that gives back what the module exports."""
    body = _EXPORT.sub("", _IMPORT.sub(r"const \1 = module_\2;", text))
    left = re.search(r"^(?:import|export)\b.*", body, re.MULTILINE)
    if left:
        raise ValueError(f"{name}.js: not understood: {left[0]}")
    return f"const module_{name} = (() => {{\n{body}\nreturn {{ {', '.join(_EXPORT.findall(text))} }};\n}})();"


def _static(name: str) -> str:
    return files("xai_compare.report.explore").joinpath("static", name).read_text("utf-8")


def as_json(value: Any) -> str:
    """JSON that can stand in a script element: no ``<`` in it.

    Raises:
        ValueError: for NaN and infinities, which JSON does not know; None stands for them.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    # "<" could end the element, or begin a comment in it; the others end a line to some readers of scripts.
    for character in "<>\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def write(
    path: Path, payload: Mapping[str, Any], sheets: Sequence[tuple[int, int, str]], fallback: str, link: str
) -> Path:
    """Write the page.

    Args:
        path: the file.
        payload: what the script reads; names in it are text to the script.
        sheets: of `Sprites.sheets`.
        fallback: what stands there where scripts do not run.
        link: address of what there is to read instead; ``""`` if there is nothing.
    """
    code = script()
    sha = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode("ascii")
    text = (
        _environment()
        .get_template("explore/explore.html")
        .render(
            version=VERSION,
            title=payload["title"],
            css=Markup(_static("explore.css")),
            script=Markup(code),
            script_hash=f"sha256-{sha}",
            payload=Markup(as_json(payload)),
            sheets=[Markup(content) for _, _, content in sheets],
            fallback=fallback,
            link=link,
        )
    )
    write_atomically(path, text.encode("utf-8", "replace"))
    return path
