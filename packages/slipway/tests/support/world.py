"""The surroundings of a workflow: a shared repository, a clone to work in, GitHub's API, a registry, a runner."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import events
import runner
import warm
import yaml
from enginebox import engine_settings
from ledgerbox import git
from stub_github import State
from toyrepo import dvc

from slipway.ledger import Ledger

TOKEN, READ_ONLY = "workflow-token", "token-of-a-fork"
NOWHERE = "http://127.0.0.1:9"


class World:
    """One repository at GitHub, as its workflows see it. Runs are numbered in the order in which they start."""

    def __init__(
        self,
        folder: Path,
        hub: Path,
        github: State | None,
        image: str,
        shared: Path,
        *,
        afresh: bool = False,
        cache: Path | None = None,
    ) -> None:
        """Copy `hub`; `shared` holds what all worlds use; with `afresh` every job trains its model.

        `image` is the name of the images, with the registry; `cache` is DVC's, if not the one in `shared`.
        """
        self.folder, self.github, self.image, self.shared = folder, github, image, shared
        self.registry = image.partition("/")[0]
        self.hub, self.work = folder / "hub.git", folder / "work"
        self.private = False
        self._numbers = count(1)
        shutil.copytree(hub, self.hub)
        git(folder, "clone", "--quiet", f"file://{self.hub}", str(self.work))
        if not afresh:
            # As in a data scientist's clone, results that others have made are found.
            cache = cache or shared / "dvc"
            (self.work / ".dvc" / "config.local").write_text(f"[cache]\n    dir = {cache}\n")
            _settle_dvc(folder / "home" / "config" / "dvc", cache)

    def __enter__(self) -> "World":
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the images that ci built and tested."""
        clones = [each for each in self.folder.glob("clone-*") if each.is_dir()]
        names = [f"candidate:{git(each, 'rev-parse', 'HEAD')}" for each in clones]
        if names:
            client = engine_settings()["SLIPWAY_DOCKER"]
            subprocess.run([client, "image", "rm", *names], capture_output=True)

    def commit(self, message: str = "a change", branch: str = "main") -> str:
        """Commit `work` and push it as `branch`."""
        git(self.work, "add", "--all")
        git(self.work, "commit", "--quiet", "--allow-empty", "-m", message)
        git(self.work, "push", "--quiet", "--force", "origin", f"HEAD:refs/heads/{branch}")
        return git(self.work, "rev-parse", "HEAD")

    def repro(self, **model: Any) -> None:
        """Change the model's parameters in `work` and run the pipeline, as `make repro` does."""
        path = self.work / "params.yaml"
        params = yaml.safe_load(path.read_text())
        params["model"] |= model
        path.write_text(yaml.safe_dump(params, sort_keys=False))
        dvc(self.work, "pull", "--quiet", "data.dvc")
        dvc(self.work, "repro", "--quiet")

    def head(self, branch: str = "main") -> str:
        return git(self.hub, "rev-parse", f"refs/heads/{branch}")

    def pull_request(
        self, branch: str = "work", number: int = 7, title: str = "A change", owner: str = events.OWNER, **more: Any
    ) -> dict[str, Any]:
        """Commit `work` on a branch, and open its pull request or push to it; return the event."""
        if owner == events.OWNER:
            head = self.commit(title, branch)
        else:
            # A fork's branch is in no branch of ours, but GitHub keeps its commits here as well.
            git(self.work, "add", "--all")
            git(self.work, "commit", "--quiet", "--allow-empty", "-m", title)
            head = git(self.work, "rev-parse", "HEAD")
            git(self.work, "push", "--quiet", "--force", "origin", f"HEAD:refs/pull/{number}/head")
        known = next((each for each in self.github.pulls if each["number"] == number), None)
        if known:
            known["head"]["sha"] = head
        else:
            self.github.add_pull(number, head, branch, owner)
        self._merge(number, head)
        action = "synchronize" if known else "opened"
        return events.pull_request(
            number,
            head,
            self.head(),
            action=action,
            branch=branch,
            title=title,
            owner=owner,
            private=self.private,
            **more,
        )

    def _merge(self, number: int, head: str) -> None:
        """Make the merge into main that GitHub checks out for a pull request."""
        tree = git(self.hub, "merge-tree", "--write-tree", self.head(), head).splitlines()[0]
        parents = ("-p", self.head(), "-p", head)
        made = git(self.hub, "commit-tree", tree, *parents, "-m", f"Merge {head} into {self.head()}")
        git(self.hub, "update-ref", f"refs/pull/{number}/merge", made)

    def ci(self, event: dict[str, Any], **more: Any) -> runner.Run:
        """Run ci.yml for a pull request."""
        foreign = event["pull_request"]["head"]["repo"]["fork"]
        return self.run(
            "ci.yml",
            "pull_request",
            event,
            commit=f"refs/pull/{event['number']}/merge",
            token=READ_ONLY if foreign else TOKEN,
            **more,
        )

    def report(self, event: dict[str, Any], ci: runner.Run) -> runner.Run:
        """Run report.yml after a run of ci for a pull request."""
        ended = events.workflow_run(event, ci.id, ci.conclusion, self.private)
        return self.run("report.yml", "workflow_run", ended)

    def push(self, workflow: str = "cd.yml", commit: str | None = None, **more: Any) -> runner.Run:
        """Run a workflow for a commit of main, by default the newest."""
        commit = commit or self.head()
        return self.run(workflow, "push", events.push(commit, private=self.private), commit=commit, **more)

    def by_hand(self, workflow: str, given: dict[str, Any] | None = None, **inputs: str) -> runner.Run:
        return self.run(workflow, "workflow_dispatch", events.by_hand(self.private, **inputs), **(given or {}))

    def run(
        self,
        workflow: str,
        name: str,
        event: dict[str, Any],
        *,
        commit: str = "refs/heads/main",
        token: str = TOKEN,
        attempt: int = 1,
        number: int | None = None,
        again: int | None = None,
        variables: dict[str, str] | None = None,
        secrets: dict[str, str] | None = None,
        job: str | None = None,
        kill_when: Callable[[], bool] | None = None,
    ) -> runner.Run:
        """Run a workflow as it is in `commit`, with GITHUB_RUN_NUMBER and the repository's variables and secrets.

        With `job` only that one and the jobs that it needs run.
        """
        own = next(self._numbers)
        run_id = again or own
        clone = self.folder / f"clone-{own}"
        git(self.folder, "clone", "--quiet", "--no-checkout", f"file://{self.hub}", str(clone))
        git(clone, "fetch", "--quiet", "origin", commit)
        # act takes the commit and the name of the branch from its folder.
        where = ("--detach",) if commit.startswith("refs/pull/") else ("-B", "main")
        git(clone, "checkout", "--quiet", *where, "FETCH_HEAD")
        clone.with_suffix(".event").write_text(json.dumps(event))
        given = {"SLIPWAY_REGISTRY": self.registry, "SLIPWAY_IMAGE": self.image}
        given |= variables or {}
        options = ["--actor", event["sender"]["login"], "--secret", f"GITHUB_TOKEN={token}"]
        if given["SLIPWAY_REGISTRY"] and token == TOKEN:
            options += ["--secret", "SLIPWAY_REGISTRY_PASSWORD=of-the-registry"]
        for key, value in given.items():
            options += ["--var", f"{key}={value}"]
        for key, value in (secrets or {}).items():
            options += ["--secret", f"{key}={value}"]
        options += ["--job", job] if job else []
        environments = self.folder / f"environments-{own}"
        try:
            return runner.run_act(
                clone,
                self.folder,
                workflow,
                name,
                number=run_id,
                variables=self._variables(environments, run_id, attempt, number or own + 100),
                options=options,
                notes=self.shared / "times.jsonl",
                kill_when=kill_when,
            )
        finally:
            warm.remove(environments)

    def _variables(self, environments: Path, run_id: int, attempt: int, number: int) -> dict[str, str]:
        """Return the environment variables of a job."""
        return {
            "WORLD": str(self.folder),
            "SESSION_UV": str(self.shared / "uv"),
            "SESSION_PYTHON": str(warm.PYTHON),
            "SESSION_ENVIRONMENT": str(warm.SESSION),
            "SMALL_ENVIRONMENT": str(self.shared / "environment"),
            "JOB_ENVIRONMENTS": str(environments),
            "GITHUB_API_URL": self.github.url if self.github else NOWHERE,
            "GITHUB_REPOSITORY": events.REPOSITORY,
            "GITHUB_RUN_ID": str(run_id),
            "GITHUB_RUN_NUMBER": str(number),
            "GITHUB_RUN_ATTEMPT": str(attempt),
            # Steps run in a terminal, and a log is read here.
            "GIT_PAGER": "cat",
            "TERM": "dumb",
            "NO_COLOR": "1",
            "UV_NO_PROGRESS": "1",
            "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR") or str(Path.home() / ".cache" / "uv"),
            "MYPY_CACHE_DIR": str(self.shared / "mypy"),
            # GitHub cannot be asked whether a commit is really that version.
            "ZIZMOR_OFFLINE": "true",
            **engine_settings(),
        }

    def ledger(self) -> Ledger:
        """Return the ledger in a fresh clone."""
        fresh = self.folder / f"reader-{len(list(self.folder.glob('reader-*')))}"
        git(self.folder, "clone", "--quiet", f"file://{self.hub}", str(fresh))
        return Ledger(fresh)

    def logins(self) -> list[str]:
        """Return job, registry, user and kind of password (token or password) of each login, in order."""
        return (self.folder / "logins").read_text().splitlines()

    def exchanges(self) -> list[str]:
        """Return job, role and region of every exchange of an identity, in order."""
        noted = self.folder / "exchanges"
        return noted.read_text().splitlines() if noted.exists() else []

    def attestations(self) -> list[dict[str, Any]]:
        return [json.loads(each.read_text()) for each in sorted((self.folder / "attestations").glob("*.json"))]


def _settle_dvc(folder: Path, cache: Path) -> None:
    """Share DVC's cache, so that a run finds the results of the same inputs."""
    folder.mkdir(parents=True)
    (folder / "config").write_text(f"[cache]\n    dir = {cache}\n")
