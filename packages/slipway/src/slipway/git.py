"""Run git: the one module that starts it, in one environment, with an exit code, a timeout and a signal told apart."""

import os
import re
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from slipway.errors import SlipwayError

# These name another repository, or read paths in another way; hooks set some of them for every command they start.
_REMOVED = {
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GLOB_PATHSPECS",
    "GIT_GRAFT_FILE",
    "GIT_ICASE_PATHSPECS",
    "GIT_INDEX_FILE",
    "GIT_LITERAL_PATHSPECS",
    "GIT_NAMESPACE",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
}
# No command of git hangs for ever: a lock of another process, a hook or a disk may never answer.
_SECONDS = 300.0
# From here on an exit code is 128 and the signal that ended git below a wrapper; 128 and 129 are git's own.
_SIGNALLED = 130
_OBJECT = re.compile(r"([0-9a-f]{40,64}) (?:blob|commit|tag|tree) \d+\n")
# Of a line of `git status --porcelain=v2`: a changed file, and one of a conflict.
_FIELDS_BEFORE_PATH = {"1": 8, "u": 10}
# In a job no question is answered; set the variable to 1 to be asked for a password.
_DEFAULTS = {"GIT_TERMINAL_PROMPT": "0"}
# Replacements would show another history than the one that is pushed; output is parsed, so it is never translated.
_SET = {
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PAGER": "cat",
    "LC_ALL": "C",
}


class GitResult(NamedTuple):
    """The output and the exit code of a git command that ended by itself."""

    exit_code: int
    output: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """The output as text without the blanks around it; bytes that are not UTF-8 are replaced."""
        return self.output.decode(errors="replace").strip()

    @property
    def reason(self) -> str:
        """Why the command failed: git's first line that is not progress, ended by a full stop."""
        lines = [line.strip() for line in self.stderr.decode(errors="replace").splitlines() if line.strip()]
        telling = [line for line in lines if line.startswith(("fatal:", "error:", "remote:", "!"))]
        line = next(iter(telling or lines), f"exit code {self.exit_code}")
        return line if line.endswith(".") else f"{line}."


class WorkingTree(NamedTuple):
    """The commit that is checked out, None before the first one, and the paths that differ from it."""

    commit: str | None
    changed: list[str]


class Git:
    """The git repository that the folder `root` lies in; the user's git configuration applies.

    Every method raises `failure` where git is missing, does not end in time or is ended by a signal.
    """

    def __init__(self, root: Path, failure: type[SlipwayError]) -> None:
        self.root = root
        self.failure = failure

    def attempt(
        self,
        *command: str,
        given: bytes = b"",
        variables: Mapping[str, str] | None = None,
        seconds: float | None = None,
    ) -> GitResult:
        """Run a command with `given` as its input and return its result, whatever the exit code.

        It has so many `seconds`, five minutes if None.
        """
        inherited = {name: value for name, value in os.environ.items() if name not in _REMOVED}
        environment = _DEFAULTS | inherited | _SET | dict(variables or {})
        name = name_command(command)
        try:
            done = subprocess.run(
                ["git", *command],
                cwd=self.root,
                env=environment,
                input=given,
                capture_output=True,
                timeout=seconds or _SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            raise self.failure(f"`git {name}` did not end within {seconds or _SECONDS:g} s.") from error
        except OSError as error:
            raise self.failure(self._cannot_start(error)) from error
        if (ended := _ended_by(done.returncode)) is not None:
            raise self.failure(f"`git {name}` was ended by {ended} in {self.root.resolve()}. Run this again.")
        return GitResult(done.returncode, done.stdout, done.stderr)

    def run(self, *command: str, given: bytes = b"", variables: Mapping[str, str] | None = None) -> str:
        """Return what a command prints; raises `failure` with git's own words for any exit code but 0."""
        done = self.attempt(*command, given=given, variables=variables)
        if done.exit_code:
            raise self.error(name_command(command), done)
        return done.output.decode(errors="replace")

    def error(self, command: str, done: GitResult) -> SlipwayError:
        """Return the error to raise for a command that failed."""
        return self.failure(f"`git {command}` failed in {self.root.resolve()}: {done.reason}")

    def unexpected(self, command: str, output: bytes | str) -> SlipwayError:
        """Return the error to raise for the output of a command that ended well and did not answer."""
        shown = repr(output[:60]) if output else "(no output)"
        return self.failure(
            f"`git {command}` printed another answer than expected in {self.root.resolve()}: {shown}. Run this again."
        )

    def is_repository(self) -> bool:
        """Return whether git is installed and `root` lies in a repository; raises `failure` for one of another user."""
        try:
            done = self.attempt("rev-parse", "--git-dir")
        except self.failure as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return False
            raise
        if done.exit_code == 0 and not done.output:
            raise self.unexpected("rev-parse", done.output)
        if b"dubious ownership" in done.stderr:
            raise self.failure(
                f"git refuses {self.root.resolve()}, which belongs to another user. If you trust it: "
                f"git config --global --add safe.directory {self.root.resolve()}"
            )
        return done.exit_code == 0

    def resolve(self, name: str) -> str | None:
        """Return the id of the object `name`, None if there is no such object; `name^{commit}` asks for a commit.

        Git says that an object is missing: silence is an error.
        """
        found = self.run("cat-file", "--batch-check", given=f"{name}\n".encode())
        match = _OBJECT.fullmatch(found)
        if match is None and found != f"{name} missing\n":
            raise self.unexpected("cat-file", found)
        return match.group(1) if match else None

    def descends(self, commit: str, ancestor: str) -> bool:
        """Return whether `commit` is `ancestor` or comes after it; raises `failure` if one of them is unknown."""
        done = self.attempt("rev-list", "--left-right", "--count", f"{ancestor}...{commit}", "--")
        if done.exit_code:
            raise self.failure(f"git cannot compare {ancestor} and {commit}: {done.reason}")
        if re.fullmatch(r"\d+\t\d+", done.text) is None:
            raise self.unexpected("rev-list", done.output)
        return done.text.startswith("0\t")

    def read_working_tree(self, *options: str) -> WorkingTree:
        """Compare the working tree with its commit; `options` are those of `git status`.

        The first line names the commit: empty output is an error, and never means that nothing has changed.
        """
        found = self.run("status", "--porcelain=v2", "--branch", "--no-renames", *options)
        lines = found.splitlines()
        commit = lines[0].removeprefix("# branch.oid ") if lines else ""
        if re.fullmatch(r"[0-9a-f]{40,64}|\(initial\)", commit) is None:
            raise self.unexpected("status", found)
        changed = [line.split(" ", _FIELDS_BEFORE_PATH.get(line[0], 1))[-1] for line in lines if line[0] != "#"]
        return WorkingTree(None if commit == "(initial)" else commit, changed)

    def _cannot_start(self, error: OSError) -> str:
        if not self.root.is_dir():
            return f"The folder {self.root} does not exist. Run this in a clone of the repository."
        return f"git cannot be started: {error.strerror}. Install git, and check that it is on the PATH."


def _ended_by(code: int) -> str | None:
    """Return the signal that an exit code stands for, None if the command ended by itself."""
    number = -code if code < 0 else code - 128 if code >= _SIGNALLED else 0
    if number not in signal.valid_signals():
        return None
    return next((each.name for each in signal.Signals if each == number), f"signal {number}")


def name_command(command: tuple[str, ...]) -> str:
    """Return the word of a command that says what it does: options of git itself stand before it."""
    words = iter(command)
    for word in words:
        if word == "-c":
            next(words)
        elif not word.startswith("-"):
            return word
    return command[0]
