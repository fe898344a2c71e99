"""The stack of compose.yaml in a folder of its own, as a clone has it, brought up by `make up` on a real engine."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import requests
from places import PACKAGED, ROOT
from running import free_port

MADE_OF = (
    *("compose.yaml", "deploy", "Makefile", "Dockerfile", ".dockerignore", "pyproject.toml", "uv.lock"),
    *PACKAGED,
)
PORTS = ("", "MLFLOW_", "REGISTRY_", "PROMETHEUS_", "GRAFANA_")


class Stack:
    """A stack with a project name and ports of its own; `settings` become the lines of its .env."""

    def __init__(self, folder: Path, client: str, project: str, settings: dict[str, str]) -> None:
        self.folder, self.client, self.project = folder, client, project
        self.ports = {name: free_port() for name in PORTS}
        chosen = {f"SLIPWAY_{name}PORT": str(port) for name, port in self.ports.items()}
        lines = {"COMPOSE_PROJECT_NAME": project, **chosen, **settings}
        for name in MADE_OF:
            _copy(ROOT / name, folder / name)
        shutil.rmtree(folder / "deploy" / "secrets", ignore_errors=True)
        (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in lines.items()))

    def make(self, *words: str, **variables: str) -> str:
        """What `make WORDS` prints; fails with it if it ends badly."""
        code, said = self.try_make(*words, **variables)
        assert code == 0, f"make {' '.join(words)}:\n{said[-4000:]}\n{self.told()}"
        return said

    def told(self) -> str:
        """What the containers said last, and what their health checks were told."""
        lines = []
        for name, container in self.containers().items():
            state = container["State"]
            checks = [each["Output"].strip() for each in state.get("Health", {}).get("Log", [])]
            logs = subprocess.run(
                [self.client, "logs", "--timestamps", "--tail", "20", container["Id"]], capture_output=True, text=True
            )
            lines += [f"{name}: {state['Status']}, started {state['StartedAt']}", *checks, logs.stdout, logs.stderr]
        return "\n".join(lines)

    def try_make(self, *words: str, **variables: str) -> tuple[int, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith(("SLIPWAY_", "COMPOSE_"))}
        command = ["make", *words, f"SLIPWAY_DOCKER={self.client}"]
        done = subprocess.run(
            command, cwd=self.folder, env=own | variables, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        return done.returncode, done.stdout + done.stderr

    def up(self) -> str:
        return self.make("up", "PROFILES=prometheus,registry")

    def docker(self, *words: str) -> str:
        done = subprocess.run([self.client, *words], cwd=self.folder, capture_output=True, text=True)
        assert done.returncode == 0, f"docker {' '.join(words)}: {done.stderr}"
        return done.stdout.strip()

    def compose(self, *words: str) -> str:
        return self.docker("compose", "--progress", "quiet", "--profile", "prometheus", "--profile", "registry", *words)

    def inside(self, service: str, *words: str) -> str:
        return self.compose("exec", "-T", service, *words)

    def containers(self) -> dict[str, dict[str, Any]]:
        """What the engine knows of each service's container."""
        found = self.docker("ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={self.project}")
        label = "com.docker.compose.service"
        return {each["Config"]["Labels"][label]: each for each in json.loads(self.docker("inspect", *found.split()))}

    def url(self, name: str = "") -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def ask(self, name: str, path: str, **options: Any) -> requests.Response:
        return requests.get(self.url(name) + path, timeout=20, **options)

    def predict(self, row: dict[str, Any]) -> dict[str, Any]:
        answer = requests.post(self.url() + "/predict", json=row, timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def logged(self) -> str:
        """The prediction log, as lines of JSON."""
        return self.inside("service", "slipway", "log", "--json")

    def mlflow(self, code: str, *arguments: str) -> str:
        """What a program prints that uses MLflow's client with this server, as a person's would."""
        own = os.environ | {"MLFLOW_TRACKING_URI": self.url("MLFLOW_")}
        done = subprocess.run([sys.executable, "-c", code, *arguments], env=own, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout.strip()

    def remove(self) -> None:
        self.docker("compose", "--profile", "*", "down", "--volumes", "--timeout", "1")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)
