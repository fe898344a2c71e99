"""The service: a sealed bundle that answers over HTTP. Needs only what the dependency group `service` installs."""
