"""Each breaking entry of the changelog has an upgrade note, and an update prints those of the versions it brings."""

import pytest
from places import PACKAGE

from slipway.updating.changelog import find_missing_notes, list_upgrade_notes
from slipway.updating.upstream import Version, parse_version

TEXT = """# Changelog

## 0.3.0 - 2027-02-01

### Changed

* **Breaking:** `slipway go` is now
  `slipway start`.

### Upgrade notes

* `slipway go`: write `slipway start`
  in scripts.

## 0.2.0 - 2027-01-01

### Changed

* **Breaking:** `old_key` of params.yaml is `new_key`.

### Upgrade notes

* `old_key`: rename it in params.yaml.
"""


def test_the_changelog_has_an_upgrade_note_for_each_breaking_entry():
    assert find_missing_notes((PACKAGE / "CHANGELOG.md").read_text()) == []


def test_a_breaking_entry_without_a_note_is_named():
    assert find_missing_notes(TEXT) == []
    (missing,) = find_missing_notes(TEXT.replace("* `old_key`: rename", "* `other`: rename"))
    assert missing.startswith("0.2.0: `old_key` is marked as breaking and has no upgrade note")


def test_the_notes_of_every_version_on_the_way_are_listed_oldest_first():
    first, second = list_upgrade_notes(TEXT, Version(0, 1, 0), Version(0, 3, 0))
    assert first == "0.2.0: `old_key`: rename it in params.yaml."
    assert second == "0.3.0: `slipway go`: write `slipway start` in scripts."
    assert list_upgrade_notes(TEXT, Version(0, 2, 0), Version(0, 3, 0)) == [second]
    assert list_upgrade_notes(TEXT, Version(0, 1, 0), Version(0, 2, 0)) == [first]


@pytest.mark.parametrize("text", ["0.2", "v0.2.0rc1", "slipway-v0.2.0", ""])
def test_other_tags_name_no_version(text):
    assert parse_version(text) is None
    assert parse_version("v0.10.0") > parse_version("0.9.1")
