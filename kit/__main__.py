"""``python -m kit``: run the demo program, open the tour, list markers.

Everything that is slow to import is imported by the command that needs it.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

import kit

__all__ = ["main"]

REMEDY = "pip install 'markers-kit[lab]'"
TOUR = Path("notebooks") / "01-tour.ipynb"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; those of this process when left out.

    Returns
    -------
    int
        The exit code: 0 when all went well, 1 when something did not, 2 for a wrong command line,
        130 when interrupted.

    Examples
    --------
    >>> main(["markers", "no.such.module"])
    1
    """
    options = _parser().parse_args(arguments)
    try:
        return int(options.command(options) or 0)
    except KeyboardInterrupt:
        return _complain("interrupted", code=130)
    except BrokenPipeError:
        # Whoever read the output has gone; Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m kit", description="Markers and probes.")
    parser.add_argument("--version", action="version", version=f"markers-kit {kit.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="command")
    parser.set_defaults(command=lambda _: parser.print_help())

    demo = commands.add_parser(
        "demo",
        help="run the order book, record it, and leave a capture and a page of plots",
        description="Run the demo program, record everything, print its latencies, and leave a"
        " Parquet capture and one HTML page that needs nothing else.",
    )
    demo.add_argument("--seconds", type=_seconds, default=5.0, help="how long (default: 5)")
    demo.add_argument("--seed", type=int, default=1, help="same seed, same orders (default: 1)")
    demo.add_argument("--out", type=Path, default=Path(), help="folder for the two files (here)")
    demo.set_defaults(command=_demo)

    lab = commands.add_parser(
        "lab", help="open the tour in JupyterLab", description="Open the tour in JupyterLab."
    )
    lab.add_argument("--no-browser", action="store_true", help="start the server and print its URL")
    lab.add_argument("--port", type=_port, help="the port to listen on (default: Jupyter chooses)")
    lab.set_defaults(command=_lab)

    markers = commands.add_parser(
        "markers",
        help="list the markers that modules declare",
        description="Import modules and list the markers that this declares.",
    )
    markers.add_argument("module", nargs="*", default=["kit.demo"], help="(default: kit.demo)")
    markers.set_defaults(command=_markers)
    return parser


def _between(kind: type[int] | type[float], text: str, most: int) -> float:
    try:
        value = kind(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not 0 < value <= most:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and at most {most}")
    return value


def _seconds(text: str) -> float:
    return _between(float, text, 3600)


def _port(text: str) -> int:
    return int(_between(int, text, 65535))


def _complain(message: str, code: int = 1) -> int:
    print(f"python -m kit: {message}", file=sys.stderr)
    return code


def _missing(*modules: str) -> str | None:
    absent = [module for module in modules if find_spec(module) is None]
    return f"{absent[0]} is not installed: {REMEDY}" if absent else None


def _demo(options: argparse.Namespace) -> int:
    if trouble := _missing("pandas", "pyarrow", "bokeh"):
        return _complain(trouble)
    from kit.cli import demo as cli_demo

    try:
        options.out.mkdir(parents=True, exist_ok=True)
        for line in cli_demo.run(options.seconds, options.seed, options.out):
            print(line, flush=True)
    except OSError as error:
        return _complain(f"{error}: choose another folder with --out")
    return 0


def _lab(options: argparse.Namespace) -> int:
    if trouble := _missing("jupyterlab", "ipywidgets", "anywidget", "bokeh", "pandas", "pyarrow"):
        return _complain(trouble)
    tour = Path(kit.__file__).resolve().parents[1] / TOUR
    if not tour.exists():
        return _complain(
            "the tour is not part of the installed package: clone the repository of markers-kit,"
            " and run `make lab` or `python -m kit lab` there"
        )
    command = [sys.executable, "-m", "jupyter", "lab", str(tour)]
    command.append(f"--LabApp.default_url=/lab/tree/{tour.name}")  # in the address that is printed
    if options.no_browser:
        command.append("--no-browser")
    if options.port is not None:
        command.append(f"--port={options.port}")
    # Jupyter refuses to run for root unless told so; in a container there is nobody else.
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    return _become(command, tour.parents[1])


def _become(command: list[str], folder: Path) -> NoReturn:
    """Let another program take this process over, so that Ctrl+C reaches it and nobody else."""
    os.chdir(folder)
    os.execv(command[0], command)


def _markers(options: argparse.Namespace) -> int:
    for module in options.module:
        try:
            importlib.import_module(module)
        except Exception as error:  # noqa: BLE001 - a module may fail in any way it likes
            return _complain(f"cannot import {module}: {type(error).__name__}: {error}")
    print(kit.markers())
    return 0


if __name__ == "__main__":
    sys.exit(main())
