"""``chaos``: kill the real service again and again, and compare what everybody saw.

A failure prints one line, the command that replays it, and keeps the run's folder.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from random import SystemRandom
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Annotated

import typer

from batchcalls.shell.signals import ends_as_interrupts
from batchcalls.shell.streams import tell
from batchcalls_simulator.cli.app import app
from batchcalls_simulator.cli.checkout import replay_line
from batchcalls_simulator.cli.option import refuse

if TYPE_CHECKING:  # see ``_hold``
    from batchcalls_simulator.lab.chaos.trial import Trial

FAILED = 1
INTERRUPTED = 130

_SEEDS = 1_000_000


@app.command("chaos")
def chaos(
    *,
    kills: Annotated[
        int, typer.Option(min=1, metavar="N", help="How often the server is killed.")
    ] = 50,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="SEED",
            help="What happens; by default another each time.",
            show_default=False,
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Keep databases and logs in this new folder.", show_default=False
        ),
    ] = None,
) -> None:
    """Kill real servers and carriers under load, and check what the service promises.

    Exits with 1 if a promise was broken, and prints a line that replays the run.
    """
    seed = SystemRandom().randrange(_SEEDS) if seed is None else seed
    try:
        place = _new_folder(folder)
    except OSError as error:
        refuse(str(error))
    try:
        trial = _hold(seed, kills, place)
    except KeyboardInterrupt:
        tell(f"interrupted; databases and logs lie in {place}")
        raise typer.Exit(INTERRUPTED) from None
    for line in trial.summary:
        typer.echo(line)
    if trial.broken:
        command = f"batchcalls-simulator chaos --kills {kills} --seed {seed}"
        _report(trial.broken, command, place)
        raise typer.Exit(FAILED)
    if folder is None:
        shutil.rmtree(place)


def _new_folder(folder: Path | None) -> Path:
    if folder is None:
        return Path(mkdtemp(prefix="batchcalls-chaos-"))
    folder.mkdir(parents=True)
    return folder.resolve()


def _hold(seed: int, kills: int, folder: Path) -> Trial:
    # Here, and not above: the client behind it can't be imported on every Python.
    from batchcalls_simulator.lab.chaos.trial import hold  # noqa: PLC0415  # see above

    with ends_as_interrupts():
        return hold(seed, kills=kills, folder=folder, tell=tell)


def _report(broken: Sequence[str], command: str, folder: Path) -> None:
    for complaint in broken:
        tell(complaint)
    tell(f"databases and logs lie in {folder}")
    typer.echo(replay_line(command, broken[0]))
