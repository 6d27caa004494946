"""The documents say what the program does: every `umi` command in them is one, every link leads somewhere."""

import re
import shlex
from pathlib import Path

import click
import pytest

from alpha_umi.cli import main

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def commands():
    for page in PAGES:
        for line in re.findall(r"^    (?:\$ )?umi (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE):
            yield pytest.param(line.partition("  #")[0], id=f"{page.name}: {line[:50]}")


@pytest.mark.parametrize("line", commands())
def test_every_command_in_the_documents_is_accepted(line):
    words = shlex.split(re.split(r" [|<>] ", line)[0])
    command, context = main, click.Context(main, info_name="umi")
    while words and isinstance(command, click.Group) and not words[0].startswith("-"):
        command = command.get_command(context, words[0])
        assert command is not None, f"there is no command {words[0]}"
        words = words[1:]
    try:
        command.make_context("umi", words)
    except click.BadParameter as error:
        assert "does not exist" in str(error)


def links():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                yield pytest.param(page.parent / target, id=f"{page.name}: {target}")


@pytest.mark.parametrize("target", links())
def test_every_link_in_the_documents_leads_somewhere(target):
    assert target.exists()
