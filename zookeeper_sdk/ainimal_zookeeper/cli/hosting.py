"""`zoo up`: starts a zoo here."""

from __future__ import annotations

import click

from ainimal_zookeeper.server.__main__ import main

up = click.Command("up", params=main.params, callback=main.callback, help=main.help)
