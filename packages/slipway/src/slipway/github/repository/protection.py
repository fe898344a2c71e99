"""One line of `slipway github check`."""

import msgspec


class Protection(msgspec.Struct, frozen=True):
    """One protection: whether it holds (None: GitHub does not tell), what was found, and what to do about it."""

    what: str
    holds: bool | None
    found: str = ""
    press: str = ""
