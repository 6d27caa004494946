"""`umi keys`: what the keys of the screen do."""

from __future__ import annotations

import click

from ..runtime.home import Home
from .actions import ACTIONS
from .keys import TITLES, check_keys, command_of, key_names, keys_of, keys_table


@click.command()
@click.option("--markdown", is_flag=True, help="Write tables, as docs/terminal.md holds them.")
@click.pass_obj
def keys(home: Home, markdown: bool) -> None:
    """List the keys of the screen with the names that [tui.keys] in the settings remaps, as they are now."""
    remapped = home.settings.tui.keys
    check_keys(remapped)
    if markdown:
        click.echo(keys_table(remapped), nl=False)
        return
    for place, title in TITLES.items():
        click.echo(title)
        for each in ACTIONS:
            if each.place == place:
                shown = key_names(",".join(keys_of(each, remapped)))
                click.echo(f"  {each.name:14} {shown:22} {command_of(each):18} {each.summary}")
