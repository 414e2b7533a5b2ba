"""`./dev ops`: its part of the command line."""

# ruff: noqa: PLC0415 - `./dev ops --help` should not wait for boto3

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

    from devtool.ops.stage import Stage


def add(commands: Any) -> None:
    """Describe the operator's commands, with help for each."""
    ops = commands.add_parser("ops", help="what is stuck, why, and sending it again")
    ops.add_argument(
        "--stage", metavar="STACK", help="a stack in AWS, with your own credentials (default: the local cloud)"
    )
    ops.add_argument("--json", action="store_true", help="for scripts")
    what = ops.add_subparsers(dest="what", required=True, metavar="WHAT")

    jobs = what.add_parser("jobs", help="jobs").add_subparsers(dest="verb", required=True, metavar="VERB")
    jobs.add_parser("stuck", help="open jobs that are overdue, and why").set_defaults(run=_stuck)
    show = jobs.add_parser("show", help="all that is known of one job, with its history")
    show.add_argument("id")
    show.set_defaults(run=_history)

    what.add_parser("queue", help="how much is in each queue").set_defaults(run=_queue)

    dlq = what.add_parser("dlq", help="dead letters").add_subparsers(dest="verb", required=True, metavar="VERB")
    dlq.add_parser("list", help="what is in the dead-letter queue").set_defaults(run=_dead_letters)
    redrive = dlq.add_parser("redrive", help="send dead letters round again")
    redrive.add_argument("--dry-run", action="store_true", help="only say what would be sent")
    redrive.add_argument("--type", metavar="TYPE", help="only jobs of this type, e.g. token.revoke")
    redrive.set_defaults(run=_redrive)

    aside = what.add_parser("quarantine", help="records and messages that were set aside")
    verbs = aside.add_subparsers(dest="verb", required=True, metavar="VERB")
    verbs.add_parser("list", help="what is in it").set_defaults(run=_listed)
    for verb, about, run in (("show", "one of it", _shown), ("replay", "do its job again", _replayed)):
        one = verbs.add_parser(verb, help=about)
        one.add_argument("source", help="advance, notify or work")
        one.add_argument("pointer", help="as the list shows it")
        one.set_defaults(run=run)

    cache = what.add_parser("cache", help="what outsiders published, such as the issuer's keys")
    verbs = cache.add_subparsers(dest="verb", required=True, metavar="VERB")
    verbs.add_parser("list", help="what is in it").set_defaults(run=_cached)
    drop = verbs.add_parser("drop", help="let a document serve nobody any more")
    drop.add_argument("name", help="as the list shows it")
    drop.set_defaults(run=_dropped)

    _add_access(what)
    _add_keys(what)


def _add_access(what: Any) -> None:
    access = what.add_parser("access", help="whose access was ended before its time")
    verbs = access.add_subparsers(dest="verb", required=True, metavar="VERB")
    verbs.add_parser("list", help="whose, why and by whom").set_defaults(run=_revocations)
    revoke = verbs.add_parser("revoke", help="end it within 5 seconds, until it is lifted")
    revoke.add_argument("kind", choices=["principal", "sessions", "bearer"], help="sessions: bearers issued before now")
    revoke.add_argument("name", help="the `sub`; of a bearer the `jti`")
    revoke.add_argument("--why", default="", metavar="TEXT", help="for those who come after")
    revoke.set_defaults(run=_access_revoked)
    lift = verbs.add_parser("lift", help="give it back")
    lift.add_argument("id", help="as the list shows it")
    lift.set_defaults(run=_access_lifted)


def _add_keys(what: Any) -> None:
    keys = what.add_parser("keys", help="the keys that a domain's tokens are sealed under")
    verbs = keys.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb, about, run in (
        ("list", "the versions of a domain's key", _versions),
        ("rotate", "add a version, and have all that older ones sealed sealed anew", _rotated),
        ("shred", "delete a domain's keys: its tokens never open again", _shredded),
    ):
        one = verbs.add_parser(verb, help=about)
        one.add_argument("--environment", required=True, metavar="E")
        one.add_argument("--domain", required=True, metavar="D")
        one.set_defaults(run=run)
    one.add_argument("--yes-shred", metavar="E/D", help="do not ask: for scripts")
    one.add_argument(
        "--with-credentials", action="store_true", help="also those of the providers, which default/default seals"
    )


def _revocations(options: argparse.Namespace) -> None:
    from devtool.ops import access

    access.listed(_stage(options), as_json=options.json)


def _access_revoked(options: argparse.Namespace) -> None:
    from chalicelib.model.access import Kind
    from devtool.ops import access

    done = access.revoked(_stage(options), Kind(options.kind), options.name, options.why)
    sys.stdout.write((json.dumps([{"done": done}]) if options.json else done) + "\n")


def _access_lifted(options: argparse.Namespace) -> None:
    from devtool.ops import access

    done = access.lifted(_stage(options), options.id)
    sys.stdout.write((json.dumps([{"done": done}]) if options.json else done) + "\n")


def _stage(options: argparse.Namespace) -> Stage:
    from devtool.ops import stage

    return stage.real(options.stage) if options.stage else stage.local()


def _stuck(options: argparse.Namespace) -> None:
    from devtool.ops import jobs

    jobs.stuck(_stage(options), as_json=options.json)


def _history(options: argparse.Namespace) -> None:
    from devtool.ops import jobs

    jobs.history(_stage(options), options.id, as_json=options.json)


def _queue(options: argparse.Namespace) -> None:
    from devtool.ops import queues

    queues.depths(_stage(options), as_json=options.json)


def _dead_letters(options: argparse.Namespace) -> None:
    from devtool.ops import queues

    queues.dead_letters(_stage(options), as_json=options.json)


def _redrive(options: argparse.Namespace) -> None:
    from devtool.ops import queues

    queues.redrive(_stage(options), only_type=options.type, dry_run=options.dry_run, as_json=options.json)


def _listed(options: argparse.Namespace) -> None:
    from devtool.ops import quarantine

    quarantine.listed(_stage(options), as_json=options.json)


def _shown(options: argparse.Namespace) -> None:
    from devtool.ops import quarantine

    quarantine.shown(_stage(options), options.source, options.pointer, as_json=options.json)


def _replayed(options: argparse.Namespace) -> None:
    from devtool.ops import quarantine

    done = quarantine.replayed(_stage(options), options.source, options.pointer)
    sys.stdout.write((json.dumps([{"done": done}]) if options.json else done) + "\n")


def _versions(options: argparse.Namespace) -> None:
    from devtool.ops import keys

    keys.listed(_stage(options), options.environment, options.domain, as_json=options.json)


def _rotated(options: argparse.Namespace) -> None:
    from devtool.ops import keys

    keys.rotated(_stage(options), options.environment, options.domain, as_json=options.json)


def _shredded(options: argparse.Namespace) -> None:
    from devtool.ops import keys, shredding

    stage, environment, domain = _stage(options), options.environment, options.domain
    shredding.refuse(stage, environment, domain, with_credentials=options.with_credentials)
    keys.confirm(environment, domain, options.yes_shred)
    shredding.shredded(stage, environment, domain, as_json=options.json)


def _cached(options: argparse.Namespace) -> None:
    from devtool.ops import cache

    cache.listed(_stage(options), as_json=options.json)


def _dropped(options: argparse.Namespace) -> None:
    from devtool.ops import cache

    done = cache.dropped(_stage(options), options.name)
    sys.stdout.write((json.dumps([{"done": done}]) if options.json else done) + "\n")
