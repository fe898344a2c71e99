"""What can go wrong, one type per kind of mistake; the message is a paragraph for the person who reads it."""


class SlipwayError(Exception):
    """A mistake that a person can mend: its text says what was expected, what was found, where and what to do."""


class SettingsError(SlipwayError):
    """`pyproject.toml`, `params.yaml` or the environment says something that cannot be meant."""


class ProblemError(SlipwayError):
    """The problem package breaks a rule of the template: its contract, features, dataset or estimator."""


class DataError(SlipwayError):
    """A table is missing, empty, of another shape, or against the contract."""


class ModelError(SlipwayError):
    """The estimator cannot be fitted, exported or certified."""


class BundleError(SlipwayError):
    """A bundle is damaged, edited, incomplete or unsafe to load."""


class CertificateError(BundleError):
    """A bundle's model was never shown to score as the estimator that it was made from."""


class GoldenRowsError(BundleError):
    """A bundle does not score its golden rows as it did where it was made."""


class ScoringError(SlipwayError):
    """A row that fits the contract has no score."""


class TrackingError(SlipwayError):
    """The MLflow server or store does not answer as it should."""


class LedgerError(SlipwayError):
    """The ledger is missing, damaged or was changed by somebody else meanwhile."""


class LockError(SlipwayError):
    """Another command holds what this one needs, or the lock file cannot be written."""


class GateError(SlipwayError):
    """The gate cannot judge, which is a refusal."""


class DeliveryError(SlipwayError):
    """A release cannot be brought into an environment; what ran before still runs, or is said not to."""


class StackError(SlipwayError):
    """The stack of compose.yaml cannot be started, backed up or restored."""


class GitHubError(SlipwayError):
    """GitHub refuses, or does not answer; `status` is its answer's (None without one), `said` its own message."""

    def __init__(self, text: str, status: int | None = None, said: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.said = said


def first_line(error: Exception) -> str:
    """The first line of a library's error, ended by a full stop, to be quoted in a message of ours."""
    line = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return line if line.endswith(".") else f"{line}."
