"""Parts that the targets on a container engine share."""
