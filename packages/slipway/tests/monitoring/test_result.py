"""The files of results: each is found by its environment and its day."""

from datetime import timedelta

from alarmbox import NOW, result
from msgspec.structs import replace

from slipway.monitoring.result import find_result, result_path, write_result


def test_the_newest_result_of_an_environment_is_found_whatever_others_are_called(tmp_path):
    for environment, age in {"production": 0, "production-eu": 7, "production-2099": 0, "staging": 0}.items():
        for days in (age, age + 1):
            found = replace(result(), environment=environment, at=NOW - timedelta(days=days))
            write_result(result_path(tmp_path, found), found)
    assert find_result(tmp_path, "production") == replace(result(), at=NOW)
    assert find_result(tmp_path, "production-eu").at == NOW - timedelta(days=7)
    assert find_result(tmp_path, "prod") is None
