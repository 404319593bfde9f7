"""RFC 8785: its own vectors (appendix B and the reference test data), and what must be refused."""

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc.audit.canonical import SAFE, NotCanonical, _careful, canonical, number, strict_loads

# RFC 8785 appendix B: IEEE 754 bits -> ECMAScript text
APPENDIX_B = {
    "0000000000000000": "0",
    "8000000000000000": "0",
    "0000000000000001": "5e-324",
    "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308",
    "ffefffffffffffff": "-1.7976931348623157e+308",
    "4340000000000000": "9007199254740992",
    "c340000000000000": "-9007199254740992",
    "4430000000000000": "295147905179352830000",
    "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23",
    "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": "999999999999999700000",
    "444b1ae4d6e2ef4f": "999999999999999900000",
    "444b1ae4d6e2ef50": "1e+21",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555553": "333333333.3333332",
    "41b3de4355555554": "333333333.33333325",
    "41b3de4355555555": "333333333.3333333",
    "41b3de4355555556": "333333333.3333334",
    "41b3de4355555557": "333333333.33333343",
    "becbf647612f3696": "-0.0000033333333333333333",
    "43143ff3c1cb0959": "1424953923781206.2",
}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-SAFE, SAFE) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(("bits", "text"), APPENDIX_B.items())
def test_numbers_print_as_ecmascript_prints_them(bits, text):
    assert number(struct.unpack(">d", bytes.fromhex(bits))[0]) == text


def test_the_reference_data_comes_out_byte_for_byte():
    values = json.loads(
        r'{"numbers": [1E30, 4.50, 333333333.33333329, 2e-3, 0.000000000000000000000000001],'
        r'"escaping": "\u20ac$\u000F\u000aA\u0027\u0042\u0022\u005c\\\"\/", "literals": [null, true, false]}'
    )
    assert canonical(values).decode() == (
        '{"escaping":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/","literals":[null,true,false],'
        '"numbers":[1e+30,4.5,333333333.3333333,0.002,1e-27]}'
    )


def test_names_sort_by_utf16_units_so_a_smiley_precedes_hebrew():
    names = ["\u20ac", "1", "\u0080", "\U0001f602", "\u00f6", "\ufb33", "</script>"]
    order = list(json.loads(canonical(dict.fromkeys(names))))
    assert order == ["1", "</script>", "\u0080", "\u00f6", "\u20ac", "\U0001f602", "\ufb33"]


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        [float("-inf")],
        2**53,
        -(2**53),
        "\ud800",
        {"\udfff": 1},
        {1: 2},
        object(),
        b"x",
    ],
)
def test_what_has_no_canonical_form_is_refused(value):
    with pytest.raises(NotCanonical):
        canonical(value)


@pytest.mark.parametrize("text", ['{"a":1,"a":1}', "[NaN]", "[Infinity]", "{", '{"a":{"b":1,"b":2}}', "[" * 100_000])
def test_text_that_two_readers_could_read_differently_is_refused(text):
    with pytest.raises(NotCanonical):
        strict_loads(text)


@given(json_values)
def test_the_quick_path_and_the_careful_path_agree(value):
    assert canonical(value) == _careful(value).encode()


@given(json_values)
def test_canonical_form_is_a_fixed_point(value):
    once = canonical(value)
    assert canonical(strict_loads(once)) == once


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_reads_back_as_the_same_double(value):
    assert float(number(value)) == value
