"""One event of an environment: what happened, to which release, by whom, and which release serves since."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

FORMAT = 1
# The environment whose model a candidate is compared with, and to which only a promotion leads.
PRODUCTION = "production"
# The target after which nothing stays running.
REHEARSAL = "rehearsal"
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
# What becomes an argument of git or of a registry's program: one word, and no option.
Word = Annotated[str, Meta(pattern=r"^[^\s-]\S*\Z")]
Environment = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,30}\Z")]


class Event(StrEnum):
    """The kind of event that an entry records."""

    GENESIS = "genesis"
    DEPLOY = "deploy"
    PROMOTE = "promote"
    ROLLBACK = "rollback"
    FAILED = "failed"
    UNBLOCK = "unblock"
    DISTRUST = "distrust"
    REBASE = "rebase"


# The events after which another release may serve.
RELEASE_EVENTS = (Event.DEPLOY, Event.PROMOTE, Event.ROLLBACK)


class Release(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A bundle by its digest, with the image that holds it and where it came from, where known.

    `commit` is the source commit, `data` the md5 of the data that `data.dvc` names, `model` the registered version
    (`name/version`), `run` the MLflow run.
    """

    bundle: Digest
    image: Word | None = None
    commit: Word | None = None
    data: Word | None = None
    model: Annotated[str, Meta(pattern=r"^[^\s-].*\Z")] | None = None
    run: Word | None = None

    @property
    def artifact(self) -> tuple[str, str | None]:
        """The bundle and the image: two releases with the same artifact run the same."""
        return self.bundle, self.image

    @property
    def image_digest(self) -> str:
        """Return the first digits of the image's digest, as tables show it; empty where no image is known."""
        return (self.image or "").partition("@sha256:")[2][:12]

    @property
    def shown(self) -> str:
        """Return the first digits of its digests, for a sentence."""
        return self.bundle[:12] + (f" in the image {self.image_digest}" if self.image_digest else "")


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of `<environment>.json` after one event; the file's history on the branch is the ledger.

    `number` counts from 0, the genesis entry, without gaps. `release` is the subject of the event (None for genesis,
    unblock and distrust); `serving` is the release that serves after it, which a failed event does not change; `since`
    is the time when it began to serve. `blocked` maps the digests that may not come back to the number of the entry
    that blocked each, `distrusted` those that no candidate is compared with any longer. `gate` is the summary of the
    verdict that let the release in, never trusted in a rollback; `target` is the kind of target where it happened:
    after a rehearsal nothing stays running. `record` is the sha256 of the evaluation record that comes with this entry,
    left out where none does.
    """

    format: int = FORMAT
    environment: Environment
    number: Annotated[int, Meta(ge=0)]
    event: Event
    at: datetime
    by: str
    reason: str = ""
    release: Release | None = None
    serving: Release | None = None
    since: datetime | None = None
    blocked: dict[str, int] = {}
    distrusted: dict[str, int] = {}
    gate: dict[str, Any] | None = None
    target: str | None = None
    record: Digest | UnsetType = UNSET
