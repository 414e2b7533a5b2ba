"""A stage as a plain `chalice deploy` makes it: in a local cloud of its own, resources first, chalice twice."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devtool import environment, template
from devtool.issuer import Issuer, load_key
from devtool.pump.pump import Pump
from devtool.testing import bare_emulator, wait_for
from devtool.workspace import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from devtool.emulator import Emulator

CHALICE = Path(__file__).with_name("chalice_on_ministack.py")
RESOURCES_STACK = "cloakroom-resources"
DEPLOY_SECONDS = 120


class PlainStage:
    """What tests ask of a live cloud (`devtool.testing.LiveCloud`), as far as these tests do."""

    def __init__(self, engine: Emulator, folder: Path) -> None:
        self.endpoint = engine.endpoint
        self.project = folder / "project"
        self.issuer = Issuer(load_key(folder / "issuer.pem"), engine.endpoint)
        self.pump: Pump | None = None
        self._described = self.project / "stack.json"

    def client(self, service: str) -> Any:
        return environment.client(service, self.endpoint)

    def token(self, sub: str, groups: Sequence[str] = ()) -> str:
        return self.issuer.token(sub, groups)

    @property
    def table(self) -> str:
        (stack,) = json.loads(self._described.read_text())["Stacks"]
        return next(item["OutputValue"] for item in stack["Outputs"] if item["OutputKey"] == "TableName")

    @property
    def api_url(self) -> str:
        return self._gateway("rest_api_id")

    def _gateway(self, id_name: str) -> str:
        deployed = json.loads((self.project / ".chalice" / "deployed" / "direct.json").read_text())
        api = next(item[id_name] for item in deployed["resources"] if id_name in item)
        return f"{self.endpoint}/_aws/execute-api/{api}/api"

    def deploy_resources(self) -> None:
        """Write the resources' template, deploy it as it is, and keep what describe-stacks says."""
        self.dev("direct", str(self.project))
        cloudformation = self.client("cloudformation")
        resources = (self.project / "resources.json").read_text()
        cloudformation.create_stack(StackName=RESOURCES_STACK, TemplateBody=resources)

        def complete() -> Any:
            answer = cloudformation.describe_stacks(StackName=RESOURCES_STACK)
            return answer if answer["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE" else None

        self._described.write_text(json.dumps(wait_for(complete), default=str))

    def render(self) -> str:
        """Render the project as the local cloud takes it: its address of a socket, no conditions on `kms:` keys."""
        given = [
            f"JwtIssuer={self.issuer.issuer}",
            f"JwtAudience={self.issuer.audience}",
            f"JwksUrl={self.issuer.jwks_url}",
        ]
        if (self.project / ".chalice" / "deployed").is_dir():
            socket = self._gateway("websocket_api_id")
            given += [f"WebsocketUrl={socket.replace('http', 'ws', 1)}", f"WebsocketManagementUrl={socket}"]
        told = self.dev("direct", str(self.project), "--stack", str(self._described), "--parameter-overrides", *given)
        for file in (self.project / ".chalice").glob("policy-*.json"):
            policy = json.loads(file.read_text())
            template.drop_conditions_on_keys(policy)
            file.write_text(json.dumps(policy))
        return told

    def deploy(self) -> None:
        """Run chalice's own deploy."""
        command = [
            sys.executable,
            "-P",
            str(CHALICE),
            "--project-dir",
            str(self.project),
            "deploy",
            "--stage",
            "direct",
        ]
        self._run(command, environment.for_child(self.endpoint))

    def dev(self, *arguments: str) -> str:
        return self._run([sys.executable, "-m", "devtool", *arguments], environment.for_child(None))

    def _run(self, command: list[str], variables: dict[str, str]) -> str:
        done = subprocess.run(
            command, cwd=PROJECT, env=variables, capture_output=True, text=True, timeout=DEPLOY_SECONDS, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def deliver(self) -> None:
        """Read the event sources anew and deliver to them from the streams' beginning."""
        if self.pump is not None:
            self.pump.stop(drain_seconds=0)
        self.pump = Pump(self.endpoint, expiry_interval=86_400).start()

    def facts(self, function: str) -> list[dict[str, Any]]:
        """Return what a function has logged."""
        pages = self.client("logs").get_paginator("filter_log_events")
        group = f"/aws/lambda/cloakroom-direct-{function}"
        lines = [event["message"] for page in pages.paginate(logGroupName=group) for event in page["events"]]
        return [json.loads(line) for line in lines if line.startswith("{")]


@contextmanager
def plain_stage(folder: Path) -> Iterator[PlainStage]:
    """Start a local cloud with an issuer and the resources' stack in it."""
    with bare_emulator(enforce_iam=True) as engine:
        stage = PlainStage(engine, folder)
        stage.issuer.publish(engine.endpoint)
        stage.deploy_resources()
        try:
            yield stage
        finally:
            if stage.pump is not None:
                stage.pump.stop(drain_seconds=0)
