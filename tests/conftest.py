"""Every test runs in the environment in which the stages run: no telemetry, no spinning threads."""

from slipway.settings import quiet_environment

quiet_environment()
