"""Write down subject and statement, one file each; without a predicate the real one states where it was built."""

import json
import os
import re
import sys
from pathlib import Path
from uuid import uuid4

PROVENANCE, CYCLONEDX = "https://slsa.dev/provenance/v1", "https://cyclonedx.org/bom"


def main() -> None:
    if not os.environ["SUBJECT"] or not re.fullmatch(r"sha256:[0-9a-f]{64}", os.environ["DIGEST"]):
        sys.exit(f"No subject: {os.environ['SUBJECT']!r} {os.environ['DIGEST']!r}")
    file = os.environ["SBOM"] or os.environ["PREDICATE"]
    kind = os.environ["TYPE"] or (CYCLONEDX if os.environ["SBOM"] else PROVENANCE)
    stated = {
        "subject": f"{os.environ['SUBJECT']}@{os.environ['DIGEST']}",
        "type": kind,
        "predicate": json.loads(Path(file).read_bytes()) if file else None,
    }
    folder = Path(os.environ["WORLD"]) / "attestations"
    folder.mkdir(exist_ok=True)
    # Jobs of two runs may be here at once.
    (folder / f"{uuid4()}.json").write_text(json.dumps(stated))


main()
