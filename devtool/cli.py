"""The command line: one parser, one function per command, which loads the modules that it needs."""

# ruff: noqa: PLC0415 - `./dev info` should not wait for boto3

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chalicelib.errors import CloakroomError
from devtool.errors import DevError
from devtool.ops import commands as ops
from devtool.progress import say
from devtool.workspace import default_workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

_DEFAULT_PORT = 4566
_DEFAULT_TTL = 3600
_LOCAL_PORT = 8000
_PORTS = range(1024, 65_536)
_INFO_KEYS = (
    "api_url",
    "ws_url",
    "console_url",
    "aws_endpoint_url",
    "table",
    "queue_url",
    "issuer",
    "jwks_url",
    "stage",
)


def main(arguments: Sequence[str]) -> int:
    """Run one command; return its exit code."""
    parser = build_parser()
    if not arguments:
        parser.print_help(sys.stderr)
        return 2
    # What follows `test` is pytest's, options included.
    options, rest = parser.parse_known_args(arguments)
    if rest and options.command != "test":
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    options.rest = rest
    try:
        return int(options.run(options) or 0)
    except DevError as error:
        sys.stderr.write(f"dev: {error}\n")
        return error.exit_code
    except CloakroomError as error:  # what `ops` met in the table or in KMS
        sys.stderr.write(f"dev: {error.detail}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone: `./dev info | head -1`.
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 - open until the process ends
        return 0


def build_parser() -> argparse.ArgumentParser:
    """Describe every command, with help for each."""
    parser = argparse.ArgumentParser(
        prog="./dev",
        description="Cloakroom on this machine: run it, try it, test it.",
        epilog="CLOAKROOM_PORT sets the port, CLOAKROOM_LOCAL the folder of state and logs (default: .local).",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_cloud(commands)
    _add_work(commands)
    ops.add(commands)
    _add_direct(commands)
    return parser


def _add_cloud(commands: Any) -> None:
    """Describe what starts, ends and shows the local cloud."""
    up = commands.add_parser("up", help="start the local cloud, deploy, show the main job once")
    port = os.environ.get("CLOAKROOM_PORT", str(_DEFAULT_PORT))  # a text: argparse checks it as it checks --port
    up.add_argument("--port", type=_port, default=port, help="where to listen (default: CLOAKROOM_PORT or %(default)s)")
    up.add_argument("--detach", action="store_true", help="return when it is ready; ./dev down ends it")
    up.add_argument("--no-demo", action="store_true", help="do not show the main job")
    up.set_defaults(run=_up)

    commands.add_parser("down", help="end the local cloud; its state is kept").set_defaults(run=_down)

    info = commands.add_parser("info", help="print the addresses of what runs")
    info.add_argument("--json", action="store_true", help="as one JSON object")
    info.set_defaults(run=_info)

    token = commands.add_parser("token", help="print a bearer token of the local issuer")
    token.add_argument("--sub", required=True, metavar="NAME", help="whose token it is")
    token.add_argument(
        "--groups", type=_groups, default=[], metavar="A,B", help="groups, such as producer,consumer,admin"
    )
    token.add_argument("--ttl", type=int, default=_DEFAULT_TTL, metavar="S", help="seconds (default: %(default)s)")
    token.add_argument(
        "--claims", type=_claims, default={}, metavar="JSON", help='further claims, such as {"tenant": "acme"}'
    )
    token.set_defaults(run=_token)

    commands.add_parser("demo", help="show the main job once against what runs").set_defaults(run=_demo)


def _add_work(commands: Any) -> None:
    """Describe what a developer does all day."""
    commands.add_parser("check", help="lint, types, import contracts, template").set_defaults(run=_check)

    local = commands.add_parser("local", help="chalice local against the same tables, with reload")
    local.add_argument("--port", type=_port, default=_LOCAL_PORT, help="where to listen (default: %(default)s)")
    local.set_defaults(run=_local)

    bench = commands.add_parser(
        "bench",
        help="measure: ours, the usual way, the physical limit",
        description="Measure ours against an honest peer and the physical limit (bench/README.md). A whole run takes "
        "minutes and rewrites bench/results.json, its picture and its table; with an option it only prints.",
    )
    bench.add_argument("--only", nargs="+", metavar="NAME", type=_line, default=[], help="these lines, such as settle")
    bench.add_argument("--quick", action="store_true", help="fewer rounds: a first look")
    bench.set_defaults(run=_bench)

    test = commands.add_parser("test", help="run the tests; what follows goes to pytest")
    test.set_defaults(run=_test)


def _add_direct(commands: Any) -> None:
    """Describe what writes something to deploy."""
    package = commands.add_parser(
        "package",
        help="write the stack's template and code, as `aws cloudformation package` takes them",
        description="Run `chalice package` and finish its zip: with bytecode of this Python, without what is never "
        "imported, the same twice. See README, Deploy it.",
    )
    package.add_argument("out", type=Path, metavar="OUT", help="the folder to write, such as out/package")
    package.add_argument(
        "--stage", default="prod", metavar="NAME", help="of .chalice/config.json (default: %(default)s)"
    )
    package.set_defaults(run=_package)

    direct = commands.add_parser(
        "direct",
        help="write a project for a plain chalice deploy",
        description="Write a project for a plain `chalice deploy`: first its resources' template, then, given the "
        "outputs of that stack, the project itself. Nothing is sent anywhere. See docs/operations.md.",
    )
    direct.add_argument("out", type=Path, metavar="OUT", help="the folder to write, such as out/direct")
    direct.add_argument("--stack", type=Path, metavar="FILE", help="what `aws cloudformation describe-stacks` printed")
    direct.add_argument(
        "--parameter-overrides", type=_assignment, nargs="+", default=[], metavar="NAME=VALUE", help="as for the stack"
    )
    direct.set_defaults(run=_direct)

    issuers = commands.add_parser("issuers", help="check a file of issuers and print it as the parameter Issuers")
    issuers.add_argument("file", type=Path, metavar="FILE", help="a JSON list of issuers (README, Issuers)")
    issuers.add_argument("--jwt-issuer", metavar="ISS", help="the JwtIssuer that they shall stand beside")
    issuers.set_defaults(run=_issuers)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) not in _PORTS:
        raise argparse.ArgumentTypeError(f"{text!r} is no port that can be used without root: take 1024 to 65535")
    return int(text)


def _groups(text: str) -> list[str]:
    from chalicelib.model.names import group_fault

    groups = [name.strip() for name in text.split(",") if name.strip()]
    for name in groups:
        fault = group_fault(name)
        if fault:
            raise argparse.ArgumentTypeError(f"{name!r} is no group: {fault}. Write: --groups producer,consumer")
    return groups


def _claims(text: str) -> dict[str, Any]:
    try:
        claims = json.loads(text)
    except ValueError:
        claims = None
    if not isinstance(claims, dict) or "ttl" in claims:  # that one is an option, not a claim
        raise argparse.ArgumentTypeError(f'{text!r} is no JSON object. Write: --claims \'{{"tenant": "acme"}}\'')
    return claims


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is no NAME=VALUE. Write: JwtAudience=cloakroom")
    return name, value


def _line(text: str) -> str:
    from devtool.bench import names

    if text not in names():
        raise argparse.ArgumentTypeError(f"{text!r} is no line: take some of {', '.join(names())}")
    return text


def _up(options: argparse.Namespace) -> None:
    from devtool import supervise

    start = supervise.detach if options.detach else supervise.up
    start(default_workspace(), options.port, demo=not options.no_demo)


def _down(_: argparse.Namespace) -> None:
    from devtool import supervise

    supervise.down(default_workspace())


def _info(options: argparse.Namespace) -> None:
    from devtool.info import ready

    facts = asdict(ready(default_workspace()))
    shown = {name: facts[name] for name in _INFO_KEYS}
    if options.json:
        sys.stdout.write(json.dumps(shown, indent=2) + "\n")
    else:
        for name, value in shown.items():
            sys.stdout.write(f"{name:<17} {value if value is not None else '-'}\n")


def _token(options: argparse.Namespace) -> None:
    from devtool.info import ready
    from devtool.issuer import Issuer, load_key
    from devtool.seed import first_groups

    workspace = default_workspace()
    issuer = Issuer(load_key(workspace.issuer_key), ready(workspace).aws_endpoint_url)
    strangers = [group for group in options.groups if group not in first_groups()]
    if strangers:
        sys.stderr.write(
            f"dev: {', '.join(strangers)}: not among the groups that a deployment begins with "
            f"({', '.join(first_groups())}); without a policy in the table such a group may do nothing\n"
        )
    sys.stdout.write(issuer.token(options.sub, options.groups, options.ttl, **options.claims) + "\n")


def _demo(_: argparse.Namespace) -> None:
    from devtool.demo import demonstrate
    from devtool.info import ready
    from devtool.issuer import Issuer, load_key

    workspace = default_workspace()
    info = ready(workspace)
    demonstrate(info, Issuer(load_key(workspace.issuer_key), info.aws_endpoint_url))


def _check(_: argparse.Namespace) -> int:
    from devtool.check import check

    return check()


def _local(options: argparse.Namespace) -> None:
    from devtool.local import serve

    serve(default_workspace(), options.port)


def _package(options: argparse.Namespace) -> None:
    from devtool import packaging

    out: Path = options.out
    archive = packaging.write(out, options.stage, default_workspace().logs)
    size = archive.stat().st_size / 1_000_000
    say(f"wrote {out / packaging.TEMPLATE} and {archive} ({size:.1f} MB, for {packaging.RUNTIME})")
    say(f"Deploy them: aws cloudformation package --template-file {out / packaging.TEMPLATE} ... (README, Deploy it)")


def _direct(options: argparse.Namespace) -> None:
    from devtool import direct

    out: Path = options.out
    if options.stack is None:
        if options.parameter_overrides:
            raise DevError("--parameter-overrides are the project's: give --stack FILE with them")
        say(f"wrote {direct.render_resources(out)}. Deploy it, then come again with --stack (docs/operations.md)")
        return
    complete = direct.render_project(out, options.stack, dict(options.parameter_overrides))
    say(f"wrote {out}. Deploy it: chalice --project-dir {out} deploy --stage {direct.STAGE}")
    if not complete:
        say("It has no WebSocket address yet: after that deploy, run this command and the deploy once more")


def _issuers(options: argparse.Namespace) -> None:
    from devtool.issuers import checked

    sys.stdout.write(checked(options.file, options.jwt_issuer) + "\n")


def _bench(options: argparse.Namespace) -> int:
    from devtool.bench import run

    only = ["--only", *options.only] if options.only else []
    return run([*only, *(["--quick"] if options.quick else [])])


def _test(options: argparse.Namespace) -> int:
    from devtool.runtests import run

    return run(options.rest)
