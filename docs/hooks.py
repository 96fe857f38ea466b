"""Hooks of MkDocs: pages that are outside docs/, and pages that are made from the code.

Pages link to each other as they do in the repository. Here, links to pages of the site are resolved, and links to other
files of the repository become plain names.
"""

from __future__ import annotations

import inspect
import pkgutil
import posixpath
import re
import types
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
# Pages of the repository that keep their paths in the site.
OUTSIDE = (
    "CHANGELOG.md", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "SECURITY.md", "examples/plugin/README.md",
    "training/README.md", "weights/cogvideox-tiny-i2v/README.md",
)  # fmt: skip
HOME = "README.md"
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
_FENCE = re.compile(r"(```.*?```)", re.DOTALL)


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are not files of docs/."""
    pages = {name: (ROOT / name).read_text(encoding="utf-8") for name in OUTSIDE}
    pages["index.md"] = (ROOT / HOME).read_text(encoding="utf-8")
    pages["reference/command-line.md"] = command_line_page()
    pages["reference/python.md"] = python_page()
    pages["reference/toolkit.md"] = toolkit_page()
    for name, content in pages.items():
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Resolve links of the repository."""
    name = page.file.src_uri
    source = source_of(name)

    def resolve(match: re.Match[str]) -> str:
        image, text, target = match.groups()
        if re.match(r"[a-z]+:|#", target):
            return match[0]
        path, _, anchor = target.partition("#")
        wanted = page_of(posixpath.normpath(posixpath.join(posixpath.dirname(source), path)))
        if files.get_file_from_path(wanted) is None:
            # MkDocs warns about what does not exist.
            return text if (ROOT / posixpath.dirname(source) / path).exists() and not image else match[0]
        link = posixpath.relpath(wanted, posixpath.dirname(name) or ".")
        return f"{image}[{text}]({link}{'#' if anchor else ''}{anchor})"

    parts = _FENCE.split(markdown)
    return "".join(part if part.startswith("```") else _LINK.sub(resolve, part) for part in parts)


def source_of(page: str) -> str:
    """Return the path in the repository of a page of the site."""
    if page == "index.md":
        return HOME
    return page if page in OUTSIDE else f"docs/{page}"


def page_of(source: str) -> str:
    """Return the page of the site, or the file beside it, that a path in the repository has."""
    return "index.md" if source == HOME else source.removeprefix("docs/")


def command_line_page() -> str:
    """Return the options of every command, from the command line itself."""
    import typer

    from vmevalkit.cli import app

    group: Any = typer.main.get_command(app)
    parts = ["# Command line\n", f"{group.help}\n"]
    parts.append("Options with several values take them after one flag: `--task maze chess`.\n")
    for name, command in sorted(group.commands.items()):
        arguments = [option for option in command.params if option.param_type_name == "argument"]
        words = [f"vmevalkit {name}", *(option.metavar or option.name.upper() for option in arguments)]
        usage = " ".join([*words, *(["[options]"] if len(command.params) > len(arguments) else [])])
        parts.append(f"## {name}\n\n{inspect.cleandoc(command.help)}\n\n```text\n{usage}\n```\n")
        rows = [_option_row(option) for option in command.params if not getattr(option, "hidden", False)]
        if rows:
            parts.append("| argument or option | meaning | default |\n| --- | --- | --- |\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def _option_row(option: Any) -> str:
    if option.param_type_name == "argument":
        names = f"`{option.metavar or option.name.upper()}`"
    else:
        names = ", ".join(f"`{flag}`" for flag in (*option.opts, *option.secondary_opts))
        if option.metavar and not option.is_flag:
            names += f" `{option.metavar}`".replace("|", "\\|")
    default = option.default
    shown = f"`{default}`" if isinstance(default, (str, int, float, Path)) and default not in ("", False, True) else ""
    return f"| {names} | {(option.help or '').replace('|', chr(92) + '|')} | {shown} |"


def python_page() -> str:
    """Return every public name of the package, functions first."""
    import vmevalkit

    # The package loads its names late, so each is documented where it is defined.
    sections: dict[str, list[str]] = {"Functions": [], "Classes": [], "Types": []}
    for name in vmevalkit.__all__:
        value = getattr(vmevalkit, name)
        module, _, attribute = vmevalkit._HOMES[name].partition(":")
        path = _defined(f"vmevalkit.{module}.{attribute or name}", value)
        section = "Classes" if inspect.isclass(value) else "Functions" if inspect.isfunction(value) else "Types"
        sections[section].append(_entry(path, heading=name))
    parts = ["# Python\n", inspect.cleandoc(vmevalkit.__doc__ or "")]
    for title, entries in sections.items():
        parts += [f"\n## {title}\n", *entries]
    return "\n".join(parts)


def toolkit_page() -> str:
    """Return the modules for tasks that the docstring of the toolkit names, in its order."""
    from vmevalkit.tasks import toolkit

    about = inspect.cleandoc(toolkit.__doc__ or "")
    modules = {module.name for module in pkgutil.iter_modules(toolkit.__path__)}
    named = [name for name in dict.fromkeys(re.findall(r"`(\w+)`", about)) if name in modules]
    parts = ["# Toolkit of tasks\n", about.replace("docs/add-a-task.md", "[Add a task](../add-a-task.md)"), ""]
    return "\n".join([*parts, *(_entry(f"vmevalkit.tasks.toolkit.{name}", 2) for name in named)])


def _defined(path: str, value: Any) -> str:
    """Return where a function or class is defined, if it says so."""
    if isinstance(value, (type, types.FunctionType)) and value.__module__.startswith("vmevalkit"):
        return f"{value.__module__}.{value.__qualname__}"
    return path


def _entry(path: str, level: int = 3, heading: str = "") -> str:
    lines = [f"::: {path}", "    options:", f"      heading_level: {level}"]
    return "\n".join([*lines, *([f"      heading: {heading}", f"      toc_label: {heading}"] if heading else []), ""])
