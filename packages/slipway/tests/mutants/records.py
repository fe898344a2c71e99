"""Evaluation records that are not the candidate's own: the next candidate's rows would be judged by them."""

from collections.abc import Callable

import msgspec
from catalogue import mutant, retrained
from projectbox import Project

from slipway.evaluation.record import RECORD, EvaluationRecord, read_record, write_record


def _edit(project: Project, change: Callable[[EvaluationRecord], EvaluationRecord]) -> None:
    path = project.root / RECORD
    write_record(path, change(read_record(path)))


def _evaluated_again(project: Project) -> None:
    """The record is written once more."""
    _edit(project, lambda record: record)


@mutant("inputs", _evaluated_again)
def record_deleted(project: Project) -> None:
    """The candidate's evaluation record is missing, so that no later rows could be held against it."""
    (project.root / RECORD).unlink()


@mutant("record_reproduced", _evaluated_again)
def record_with_other_losses(project: Project) -> None:
    """The record has larger losses than the candidate's."""
    _edit(project, lambda record: msgspec.structs.replace(record, losses=tuple(1.01 * each for each in record.losses)))


@mutant("record_reproduced", retrained)
def record_of_another_bundle(project: Project) -> None:
    """The record is that of another bundle."""
    before = (project.root / RECORD).read_bytes()
    retrained(project)
    (project.root / RECORD).write_bytes(before)


@mutant("record_reproduced", _evaluated_again)
def record_of_fewer_groups(project: Project) -> None:
    """The record leaves half of the held-out groups out, so that later changes of them pass."""

    def halve(record: EvaluationRecord) -> EvaluationRecord:
        half = len(record.groups) // 2
        cut = {
            name: msgspec.structs.replace(
                each, missing=each.missing[:half], sums=each.sums[:half], products=each.products[:half]
            )
            for name, each in record.columns.items()
        }
        return msgspec.structs.replace(
            record,
            groups=record.groups[:half],
            rows=record.rows[:half],
            losses=record.losses[:half],
            outcomes=tuple(part[:half] for part in record.outcomes),
            scores=tuple(part[:half] for part in record.scores),
            columns=cut,
        )

    _edit(project, halve)


@mutant("record_reproduced", _evaluated_again)
def record_of_another_split(project: Project) -> None:
    """The record names another split, by which no held-out group would be compared later."""
    _edit(
        project, lambda record: msgspec.structs.replace(record, split=msgspec.structs.replace(record.split, salt="x"))
    )
