"""A model file that cannot be read, or has a value that no code can be written of, is one error."""

import pickle
import zlib

import pytest
from modelfiles import change_skops
from sklearn.linear_model import LogisticRegression

from slipway.errors import ModelError
from slipway.importing.model_file import read_model_file
from slipway.importing.parts import read_model
from slipway.importing.source_code import write_source

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
