"""The reference of a bundle: its profile, the blocks of training rows, and the columns that the model leans on."""

from collections.abc import Mapping

import msgspec

from slipway.bundle.profile import Profile, decode_profile
from slipway.bundle.verify import SealedBundle
from slipway.training.profile import known_categories
from slipway.training.reference.blocks import BlockSeries, open_blocks


class DriftReference(msgspec.Struct, frozen=True, kw_only=True):
    """The reference that production is compared with; `series` is None for a bundle of a format before 3.

    `ranks` orders the contract's columns by how much the model leans on them, 0 first; it is empty for old bundles.
    """

    profile: Profile
    vocabularies: Mapping[str, frozenset[str]]
    series: BlockSeries | None
    ranks: Mapping[str, int]


def read_drift_reference(sealed: SealedBundle) -> DriftReference:
    """Read the reference of a verified bundle; none of the bundle's code runs."""
    profile = decode_profile(sealed.files["profile.json"], f"{sealed.path / 'profile.json'}")
    leaned = sorted(profile.leaning, key=lambda name: (-profile.leaning[name], name))
    return DriftReference(
        profile=profile,
        vocabularies=known_categories(sealed.manifest.inputs),
        series=open_blocks(profile),
        ranks={name: rank for rank, name in enumerate(leaned)},
    )
