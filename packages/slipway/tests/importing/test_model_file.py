"""A model file is read without running it: every name that it would import is listed, however it is hidden."""

import bz2
import gzip
import io
import json
import os
import pickle
import zipfile
import zlib

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from slipway.errors import ModelError
from slipway.importing.inputs import find_input_names
from slipway.importing.model_file import read_model_file, require_allowed_imports
from slipway.importing.parts import read_model
from slipway.importing.source_code import write_source

ROWS = pd.DataFrame({"price": np.arange(40.0), "town": list("ulm ") * 10})
TARGET = np.array(["no", "yes"] * 20)


def fit_pipeline():
    inputs = make_column_transformer((OneHotEncoder(), ["town"]), remainder=StandardScaler())
    return make_pipeline(inputs, LogisticRegression(C=np.float64(0.5), class_weight={"no": 1, "yes": 3})).fit(
        ROWS, TARGET
    )


def dump_joblib(found, **options):
    file = io.BytesIO()
    joblib.dump(found, file, **options)
    return file.getvalue()


WRITERS = {
    **{f"pickle {number}": lambda found, number=number: pickle.dumps(found, protocol=number) for number in range(6)},
    "cloudpickle": cloudpickle.dumps,
    "joblib": dump_joblib,
    "skops": skops.io.dumps,
    **{
        f"joblib {name}": lambda found, name=name: dump_joblib(found, compress=(name, 3))
        for name in ("zlib", "gzip", "bz2", "xz", "lzma")
    },
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_pipeline_is_read_from_every_format(tmp_path, writer):
    path = tmp_path / "model.bin"
    path.write_bytes(WRITERS[writer](fit_pipeline()))
    found = read_model_file(path)
    assert found.foreign == ()
    assert found.written_by.split(",")[0] == writer.split()[0].removeprefix("cloud")
    part = read_model(found).part
    assert (part.module, part.name, part.parameters["steps"][1][0]) == (
        "sklearn.pipeline",
        "Pipeline",
        "logisticregression",
    )
    given = part.parameters["steps"][1][1].parameters
    assert (given["C"], given["class_weight"]) == (0.5, {"no": 1, "yes": 3})
    assert find_input_names(part) == ["price", "town"]


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


MALFORMED = {
    "a persistent identifier": b"Pelsewhere\n.",
    "an extension": b"\x80\x02\x82\x01.",
    "the state of a class": b"csklearn.pipeline\nPipeline\n}S'fit'\nS'x'\nsb.",
    "cut off": pickle.dumps([1, 2])[:-3],
    "no opcode": b"\xff\xfe",
    "empty": b"",
    "text": b"a,b,c\n1,2,3\n",
    "a cut compression": zlib.compress(pickle.dumps([1] * 999))[:9],
    "an archive": b"PK\x03\x04",
    "an old joblib": b"ZF0x1",
    "a state that doubles itself": b"\x80\x04N" + b"2\x86" * 60 + b"}b.",
    "a length of a terabyte": b"\x80\x05\x96" + (1 << 40).to_bytes(8, "little") + b".",
    "an object with a number as attribute": b"\x80\x04cbuiltins\nobject\n)\x81}K\x01K\x01sb.",
    "lz4": b"\x04\x22\x4d\x18",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_cannot_be_read_is_one_error(tmp_path, name):
    path = tmp_path / "model.pkl"
    path.write_bytes(MALFORMED[name])
    with pytest.raises(ModelError):
        read_model(read_model_file(path))


def test_functions_of_a_notebook_are_foreign(tmp_path):
    path = tmp_path / "model.pkl"
    path.write_bytes(cloudpickle.dumps(make_pipeline(FunctionTransformer(lambda rows: rows), LogisticRegression())))
    assert {"cloudpickle.cloudpickle._make_function", "builtins.type"} & {*map(str, read_model_file(path).foreign)}


def change_skops(path, change):
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(fit_pipeline()))) as read, zipfile.ZipFile(path, "w") as write:
        for name in read.namelist():
            write.writestr(name, change(name, read.read(name)))


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


def test_an_empty_array_file_in_a_skops_file_is_one_error(tmp_path):
    change_skops(tmp_path / "model.skops", lambda name, content: b"" if name.endswith("npy") else content)
    with pytest.raises(ModelError, match="as a skops file"):
        read_model_file(tmp_path / "model.skops")


NESTED = b"cnumpy.core.multiarray\nscalar\n" + b"cnumpy\ndtype\nS'f8'\n\x85R"
UNREADABLE = {
    "scalars in scalars": NESTED * 2000 + b"C\x08" + bytes(8) + b"\x86R" * 2000,
    "a shape beyond every memory": b"cnumpy.core.numeric\n_frombuffer\n(C\x08"
    + bytes(8)
    + b"cnumpy\ndtype\nS'f8'\n\x85R\x8a\x0a"
    + b"\x0f" * 10
    + b"\x85S'C'\ntR",
    "a slice of nothing": b"cbuiltins\nslice\n)R",
    "a slice of an object": b"cbuiltins\nslice\ncbuiltins\nobject\n)R\x85R",
    "text that is not Unicode": b"\x8c\x03\xed\xa0\x80",
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_value_that_is_no_parameter_is_named(tmp_path, name):
    path = tmp_path / "model.pkl"
    path.write_bytes(
        b"\x80\x04csklearn.linear_model._logistic\nLogisticRegression\n)\x81}S'C'\n" + UNREADABLE[name] + b"sb."
    )
    with pytest.raises(ModelError, match=r"cannot be written as code: LogisticRegression\.C is "):
        write_source(read_model(read_model_file(path)).part, path.name)


def test_a_value_that_contains_itself_many_times_ends(tmp_path):
    circle: list = []
    circle += [circle, circle]
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(LogisticRegression(C=circle)))
    with pytest.raises(ModelError, match="contains itself"):
        read_model(read_model_file(path))


def test_a_search_gives_its_best_estimator(tmp_path):
    path = tmp_path / "search.pkl"
    search = GridSearchCV(LogisticRegression(), {"C": np.logspace(-2, 2, 3)}, scoring="roc_auc")
    path.write_bytes(pickle.dumps(search.fit(ROWS[["price"]], TARGET == "yes")))
    found = read_model(read_model_file(path))
    assert found.part.name == "LogisticRegression" and "best estimator" in found.notes[0]


def test_the_one_estimator_of_a_container_is_found(tmp_path):
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps({"model": LogisticRegression(C=2.0), "columns": ["price"]}))
    assert read_model(read_model_file(path)).part.parameters["C"] == 2.0
    path.write_bytes(pickle.dumps([LogisticRegression(), LogisticRegression()]))
    with pytest.raises(ModelError, match="with 2 estimators"):
        read_model(read_model_file(path))
