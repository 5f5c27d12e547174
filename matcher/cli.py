"""The command `kuato`: finds the commands, hands them the settings, and turns whatever goes wrong into one line and a code."""

import logging
import os
import signal
import sys
from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from types import FrameType
from typing import IO, Any, NoReturn

import click

import matcher
from matcher.commands.invocation import Invocation
from matcher.commands.tables import visible
from matcher.errors import BadRequest, KuatoError

GROUP = "kuato.commands"
INTERRUPTED = 128 + signal.SIGINT
BROKEN_PIPE = 128 + signal.SIGPIPE
TERMINATED = 128 + signal.SIGTERM

_log = logging.getLogger(__name__)


class Failure(click.ClickException):
    """An error as people see it: one line on stderr, and the exit code of its kind."""

    def __init__(self, text: str, code: str, exit_code: int) -> None:
        super().__init__(f"{text} [{code}]")
        self.exit_code = exit_code

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the line."""
        click.echo(f"kuato: {visible(self.message)}", file=file, err=True)


class Commands(click.Group):
    """The commands of every installed package that offers some; one that cannot be loaded does not hinder the others."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted({point.name for point in entry_points(group=GROUP)})

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of that name; None, and a warning where there is a reason, when it cannot be had."""
        point = _chosen(cmd_name, entry_points(group=GROUP, name=cmd_name))
        if point is None:
            return None
        try:
            command = point.load()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's module may fail in any way
            _log.debug("command %s", cmd_name, exc_info=True)
            _warn(f"command {cmd_name} cannot be loaded from {point.value}: {type(error).__name__}: {error}")
            return None
        if not isinstance(command, click.Command):
            _warn(f"command {cmd_name}: {point.value} is no click command")
            return None
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; no exception leaves that click does not turn into an exit code."""
        try:
            return super().invoke(ctx)
        except KuatoError as error:
            _log.debug("%s", error, exc_info=error)
            raise Failure(str(error), error.code, error.exit_code) from error
        except (KeyboardInterrupt, click.Abort):
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            # Whoever read our answer has seen enough; what the interpreter still flushes at its end must not complain.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(BROKEN_PIPE)
        except (click.ClickException, click.exceptions.Exit):
            raise
        except OSError as error:
            _log.debug("%s", error, exc_info=error)
            where = f"{error.filename}: " if error.filename else ""
            raise Failure(f"{where}{error.strerror or error}", KuatoError.code, KuatoError.exit_code) from error
        except Exception as error:
            _log.debug("%s", error, exc_info=error)
            text = f"this should not happen: {type(error).__name__}: {error}; set KUATO_DEBUG=1 to see where, and tell us"
            raise Failure(text, KuatoError.code, KuatoError.exit_code) from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(matcher.__version__, prog_name="kuato")
@click.option("--config", metavar="FILE", type=click.Path(), help="Settings file; default: $KUATO_CONFIG, ~/.config/kuato/kuato.toml.")
@click.option("--set", "changes", metavar="NAME=VALUE", multiple=True, help="Change a setting, this time; see `kuato config show`.")
@click.option("--redis", metavar="URL", help="Redis to use, short for --set redis.url=URL.")
@click.option("--verbose", "-v", is_flag=True, envvar="KUATO_DEBUG", help="Log everything on stderr, with tracebacks.")
@click.pass_context
def kuato(ctx: click.Context, config: str | None, changes: tuple[str, ...], redis: str | None, verbose: bool) -> None:
    """Tell whether a picture, or something like it, has been seen before: YES, MAYBE or NO, and why."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    overrides = dict(_parts(change) for change in changes)
    if redis is not None:
        overrides["redis.url"] = redis
    ctx.obj = ctx.with_resource(Invocation(config, overrides, verbose))


def _parts(change: str) -> tuple[str, str]:
    name, equals, value = change.partition("=")
    if not equals:
        raise BadRequest(f"--set {change}: write NAME=VALUE, such as --set search.limit=20")
    return name.strip(), value


def _chosen(name: str, points: Iterable[EntryPoint]) -> EntryPoint | None:
    """Return our own where a stranger's command has the same name; a package found twice on the path counts once."""
    by_value = {point.value: point for point in points}
    ranked = sorted(by_value, key=lambda value: (not value.startswith("matcher.commands."), value))
    for value in ranked[1:]:
        _warn(f"command {name} of {value} is hidden by {ranked[0]}; uninstall one of the packages")
    return by_value[ranked[0]] if ranked else None


def _warn(text: str) -> None:
    click.echo(f"kuato: warning: {visible(text)}", err=True)


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(TERMINATED)


def main() -> None:
    """Run `kuato`."""
    # So that what is in work is finished, and workers and temporary stores do not outlive us, when a service manager ends us.
    signal.signal(signal.SIGTERM, _leave)
    kuato(prog_name="kuato")


if __name__ == "__main__":
    main()
