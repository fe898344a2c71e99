"""Copy the folder of a log."""

import shutil
from pathlib import Path

from slipway.files.writing import new_folder
from slipway.serving.console import print_line
from slipway.serving.log.open_files import describe_left_out, open_log_files


def copy_log_folder(log: Path, folder: Path) -> None:
    """Copy the files of a log, which may be written meanwhile, into the new `folder`; print which are left out."""
    left_out: list[str] = []
    with new_folder(folder, mode=0o700) as part:
        for name, file in open_log_files(str(log), left_out):
            copied = part / name
            copied.parent.mkdir(exist_ok=True, parents=True)
            with copied.open("wb") as target:
                shutil.copyfileobj(file, target)
    if left_out:
        print_line(describe_left_out(left_out))
