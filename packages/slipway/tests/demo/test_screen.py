"""The end of the demo's last screen: what the steps in production left, and what to type next."""

from slipway.demo.screen import describe_production
from slipway.monitoring.retrain.run import REPORT


def test_the_newest_page_of_production_and_the_retrain_are_named_with_the_command_to_go_on(tmp_path):
    (tmp_path / "monitoring").mkdir()
    for name in ("production-2024-01-31", "production-2024-02-29", "staging-2024-03-31"):
        (tmp_path / "monitoring" / f"{name}.html").touch()
    text = "\n".join(describe_production(tmp_path))
    assert ".demo/monitoring/production-2024-02-29.html" in text
    assert "slipway monitor run production" in text
    assert str(REPORT) not in text
    (tmp_path / REPORT).parent.mkdir(parents=True)
    (tmp_path / REPORT).touch()
    assert f"cat .demo/{REPORT}" in "\n".join(describe_production(tmp_path))


def test_a_demo_without_steps_in_production_names_nothing(tmp_path):
    assert describe_production(tmp_path) == []
