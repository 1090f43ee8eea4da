"""`bake login` and `bake logout`."""

from __future__ import annotations

import sys

import click

from bake.cli.flags import options
from bake.errors import Diagnostic, InputError


@click.command("login")
@click.argument("host", default="", metavar="[HOST]")
@click.option("-u", "--username", help="The user's name; asked for when it is not given.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def login(host: str, username: str | None, password_stdin: bool) -> None:
    """Log in to a registry (default: Docker Hub), and keep the login where docker keeps it.

    The registry checks the credentials first; what it refuses is not kept. The password is asked for on the terminal,
    or read from standard input; it is never an argument, which other users of the machine could see.
    """
    from bake.app.login import login as work
    from bake.cli.interrupt import run_async

    name, password = _given(username, password_stdin)
    done = run_async(lambda: work(options((), {}), host, name, password))
    click.echo(f"logged in to {done.host} as {done.username}; kept in {done.kept}")
    if done.in_clear:
        click.echo("the file holds it unencrypted; `credsStore` in it names a helper that keeps it safer", err=True)
    if not done.asked:
        click.echo(f"{done.host} lets everyone in, so it did not check the password", err=True)


@click.command("logout")
@click.argument("host", default="", metavar="[HOST]")
def logout(host: str) -> None:
    """Forget the login to a registry (default: Docker Hub)."""
    from bake.app.login import logout as work
    from bake.app.login import registry_host

    places = work(options((), {}), host)
    name = registry_host(host)
    told = f"logged out of {name}; removed from {', '.join(places)}" if places else f"not logged in to {name}"
    click.echo(told)


def _given(username: str | None, password_stdin: bool) -> tuple[str, str]:
    """Name and password, from flags and standard input, or from the terminal."""
    if password_stdin:
        if not username:
            raise _missing("--password-stdin needs --username")
        password = sys.stdin.read().removesuffix("\n").removesuffix("\r")
        if not password:
            raise _missing("there is no password on standard input")
        return username, password
    if not sys.stdin.isatty():
        raise _missing("there is no terminal to ask for the password on")
    name = username or str(click.prompt("Username", err=True))
    return name, str(click.prompt("Password", hide_input=True, err=True))


def _missing(message: str) -> InputError:
    hint = "bake login HOST --username NAME --password-stdin <FILE"
    return InputError(Diagnostic("no-credentials", message, hint=hint))
