"""The errors, one type per kind of mistake; the message is a paragraph for the person who reads it."""


class SlipwayError(Exception):
    """A mistake that a person can fix: its text says what was expected, what was found, where and what to do."""


class SettingsError(SlipwayError):
    """A setting in `pyproject.toml`, `params.yaml` or the environment is malformed or unknown."""


class ProblemError(SlipwayError):
    """The problem package breaks a rule of the template: its contract, features, dataset or estimator."""


class DataError(SlipwayError):
    """A table is missing, empty, of another shape, or against the contract."""


class ModelError(SlipwayError):
    """The estimator cannot be fitted, exported or certified."""


class BundleError(SlipwayError):
    """A bundle is damaged, edited, incomplete or unsafe to load."""


class CertificateError(BundleError):
    """The parity certificate of a bundle is missing or does not hold."""


class GoldenRowsError(BundleError):
    """A bundle scores its golden rows differently than it did where it was made."""


class ScoringError(SlipwayError):
    """A row that fits the contract cannot be scored."""


class TrackingError(SlipwayError):
    """The MLflow server or store cannot be reached or used."""


class LedgerError(SlipwayError):
    """The ledger is missing or damaged, or another command changed it meanwhile."""


class LockError(SlipwayError):
    """Another command holds what this one needs, or the lock file cannot be written."""


class GateError(SlipwayError):
    """The gate cannot judge, which counts as a refusal."""


class DeliveryError(SlipwayError):
    """A release cannot be delivered; the one before still serves, or the message says that it does not."""


class StackError(SlipwayError):
    """The stack of compose.yaml cannot be started, backed up or restored."""


class GitHubError(SlipwayError):
    """GitHub refuses, or cannot be reached; `status` is that of its response, None without one, `said` its message."""

    def __init__(self, text: str, status: int | None = None, said: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.said = said


def first_line(error: Exception) -> str:
    """Return the first line of a library's error, ended by a full stop, to be quoted in a message of ours."""
    line = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return line if line.endswith(".") else f"{line}."


def is_shortage(error: Exception) -> bool:
    """Tell whether a library lacks memory: LightGBM, XGBoost, CatBoost, joblib and ONNX Runtime use their own words."""
    words = ("bad_alloc", "bad_malloc", "bad allocation", "terminated. This could be caused by", "allocate memory")
    return isinstance(error, MemoryError) or any(word in str(error) for word in words)


class DocsError(SlipwayError):
    """The documentation cannot be built: a broken link, a page without a place, or a missing program."""
