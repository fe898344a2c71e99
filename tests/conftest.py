"""The fixtures of `slipway.testing`: `problem`, `data`, `frame`, `sample` and others."""

pytest_plugins = ["slipway.testing"]
