"""A model file is read without running it: every name that it would import is listed, however it is hidden."""

import bz2
import gzip
import json
import os
import pickle
import zlib

import cloudpickle
import numpy as np
import pytest
from modelfiles import change_skops, dump_joblib, fit_pipeline
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from slipway.errors import ModelError
from slipway.importing.model_file import read_model_file, require_allowed_imports


class Harmful:
    """Creates the file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def in_array(found):
    """An object inside of an array of objects, which joblib writes as a pickle of its own in the middle of the file."""
    array = np.empty(1, dtype=object)
    array[0] = found
    return dump_joblib({"model": fit_pipeline(), "names": array})


HIDDEN = {
    **{f"protocol {number}": lambda found, number=number: pickle.dumps(found, protocol=number) for number in range(6)},
    "in the state of an estimator": lambda found: pickle.dumps(LogisticRegression(C=found)),
    "in an array of joblib": in_array,
    "compressed": lambda found: zlib.compress(in_array(found)),
    "gzip": lambda found: gzip.compress(pickle.dumps(found)),
    "bz2": lambda found: bz2.compress(pickle.dumps(found)),
}


@pytest.mark.parametrize("hiding", HIDDEN)
def test_a_call_is_named_and_not_made(tmp_path, hiding):
    path, made = tmp_path / "model.pkl", tmp_path / "made"
    path.write_bytes(HIDDEN[hiding](Harmful(made)))
    found = read_model_file(path)
    assert [*map(str, found.foreign)] == ["posix.mkdir"]
    with pytest.raises(ModelError, match=r"needs, and may run anything .*: posix\.mkdir\. Nothing of it was run"):
        require_allowed_imports(found)
    assert not made.exists()


def short(text):
    return b"\x8c" + bytes([len(text)]) + text.encode()


CRAFTED = {
    # The names lie in the memo, and come from there in another order than they were written.
    "names in the memo": (
        b"\x80\x04" + short("system") + b"q\x000" + short("os") + b"q\x010h\x01h\x00\x93" + short("id") + b"\x85R.",
        ["os.system"],
    ),
    "getattr": (b"cbuiltins\ngetattr\n(cnumpy\nload\nS'__globals__'\ntR.", ["builtins.getattr", "numpy.load"]),
    "the old names": (b"c__builtin__\neval\n(S'1'\ntR.", ["builtins.eval"]),
    "an instance": (b"(S'id'\nios\nsystem\n.", ["os.system"]),
    "an object": (b"(cos\nsystem\nS'id'\no.", ["os.system"]),
    "through a module": (
        b"\x80\x04" + short("sklearn") + short("utils.os.system") + b"\x93.",
        ["sklearn.utils.os.system"],
    ),
    "a function that an estimator may keep, called": (
        b"csklearn.metrics._classification\nlog_loss\n(tR.",
        ["sklearn.metrics._classification.log_loss"],
    ),
    "an array in a file, which it would create": (
        b"\x80\x04"
        + short("numpy")
        + short("memmap")
        + b"\x93"
        + short("victim")
        + short("u1")
        + short("w+")
        + b"\x87R.",
        ["numpy.memmap"],
    ),
    "the same, made by another function": (
        b"ccopyreg\n__newobj__\n(cnumpy\nmemmap\nS'victim'\nS'u1'\nS'w+'\ntR.",
        ["numpy.memmap"],
    ),
    "control characters": (
        b"\x80\x04" + short("os") + short("system\r\x1b[2K") + b"\x93)R.",
        [r"'os.system\r\x1b[2K'"],
    ),
    "half of a pair of surrogates": (
        b"\x80\x04" + short("os") + b"\x8c\x03\xed\xa0\x80\x93)R.",
        [r"'os.\ud800'"],
    ),
}


@pytest.mark.parametrize("name", CRAFTED)
def test_a_crafted_name_is_found(tmp_path, name):
    content, foreign = CRAFTED[name]
    path = tmp_path / "model.pkl"
    path.write_bytes(content)
    assert [*map(str, read_model_file(path).foreign)] == foreign


def test_functions_of_a_notebook_are_foreign(tmp_path):
    path = tmp_path / "model.pkl"
    path.write_bytes(cloudpickle.dumps(make_pipeline(FunctionTransformer(lambda rows: rows), LogisticRegression())))
    assert {"cloudpickle.cloudpickle._make_function", "builtins.type"} & {*map(str, read_model_file(path).foreign)}


def test_another_type_in_a_skops_file_is_foreign(tmp_path):
    def rename(_, content):
        return content.replace(b'"sklearn.preprocessing._data"', b'"os"').replace(b'"StandardScaler"', b'"system"')

    change_skops(tmp_path / "model.skops", rename)
    assert [*map(str, read_model_file(tmp_path / "model.skops").foreign)] == ["os.system"]


def test_a_type_beside_the_content_of_a_skops_file_is_foreign(tmp_path):
    def hide(name, content):
        schema = json.loads(content) if name == "schema.json" else {}
        hidden = {"__loader__": "TypeNode", "__module__": "os", "__class__": "system", "__id__": 0}
        return json.dumps(schema | {"__reduce__": {"args": hidden}}).encode() if schema else content

    change_skops(tmp_path / "model.skops", hide)
    assert [*map(str, read_model_file(tmp_path / "model.skops").foreign)] == ["os.system"]
