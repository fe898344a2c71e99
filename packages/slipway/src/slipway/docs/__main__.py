"""`python -m slipway.docs`: build the site in `.slipway/docs/site/`."""

import sys
from pathlib import Path

from slipway.docs.site import build_site
from slipway.errors import SlipwayError

if __name__ == "__main__":
    try:
        print(f"The site is {build_site(Path.cwd())}/index.html. Next: make docs-serve.")  # noqa: T201 - for people
    except SlipwayError as error:
        sys.exit(f"make docs failed: {error}")
