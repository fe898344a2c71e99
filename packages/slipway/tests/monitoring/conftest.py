"""The worlds that tests of the production loop share with others."""

from pipelinebox import finished

__all__ = ["finished"]
