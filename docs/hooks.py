"""What mkdocs makes from the code: the page of commands; and links to files beside the documents."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

import click
import typer
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
SHIM = "https://unpkg.com/iframe-worker/shim"


def on_files(files: Files, config: Any) -> Files:
    """Add the page of commands, made from the command line itself."""
    files.append(File.generated(config, "reference/commands.md", content=commands()))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links to files of the repository that are no page of the site stand as names of files."""
    return re.sub(
        r"\[([^\]]+)\]\(((?:\.\./)+(?:README|CONTRIBUTING|examples|ekman_masks|LICENSE)[^)]*)\)", r"\1 (`\2`)", markdown
    )


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """What lets search work from a folder comes from the site itself, not from the network."""
    return output.replace(SHIM, posixpath.relpath("assets/file_worker.js", posixpath.dirname(page.url) or "."))


def on_post_template(output_content: str, **_: Any) -> str:
    """The same for pages without a document, such as that of a missing page."""
    return output_content.replace(SHIM, "assets/file_worker.js")


def commands() -> str:
    """Every command with its arguments and options, as Markdown."""
    from xai_compare import cli

    cli.commands()
    group = typer.main.get_command(cli.app)
    assert isinstance(group, click.Group) or hasattr(group, "commands")
    parts = ["# Commands\n\nMade from the command line itself; `xai-compare COMMAND --help` says the same.\n"]
    for name, command in sorted(group.commands.items()):
        parts.append(f"\n## xai-compare {name}\n\n{(command.help or '').strip()}\n")
        rows = [_row(parameter) for parameter in command.params if parameter.name != "help"]
        parts.append("\n| | default | meaning |\n|---|---|---|\n" + "\n".join(rows) + "\n")
    return "".join(parts)


def _row(parameter: Any) -> str:
    names = ", ".join(f"`{name}`" for name in parameter.opts) or f"`{parameter.name}`"
    names = f"`{parameter.name.upper()}`" if parameter.param_type_name == "argument" else names
    default = "" if parameter.default in (None, False) or callable(parameter.default) else f"`{parameter.default}`"
    meaning = (getattr(parameter, "help", "") or "").replace("|", "\\|")
    return f"| {names} | {default} | {meaning} |"
