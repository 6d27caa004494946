from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpha_umi.tools.builtin.unit_names import convert
from alpha_umi.tools.builtin.units import convert_units
from alpha_umi.tools.context import ToolFailure


@pytest.mark.parametrize(
    ("value", "source", "target", "result"),
    [
        (5, "miles", "kilometers", "8.04672 kilometers"),
        (5, "miles", "km", "8.04672 km"),
        (1, "mile", "mm", "1609344 mm"),
        (20, "celsius", "fahrenheit", "68 fahrenheit"),
        (100, "F", "C", "37.7778 C"),
        (37, "degrees C", "°F", "98.6 °F"),
        (0, "degrees Celsius", "K", "273.15 K"),
        (60, "mph", "km/h", "96.5606 km/h"),
        (90, "kilometers per hour", "m/s", "25 m/s"),
        (1, "cup", "tbsp", "16 tbsp"),
        (2, "cups", "ml", "473.176 ml"),
        (150, "lbs", "kg", "68.0389 kg"),
        (3, "kilos", "grams", "3000 grams"),
        (1, "GiB", "MB", "1073.74 MB"),
        (5, "kb", "bytes", "5000 bytes"),
        (100, "Mbps", "MB/s", "12.5 MB/s"),
        (2, "square meters", "sq ft", "21.5278 sq ft"),
        (3, "m2", "cm²", "30000 cm²"),
        (1, "cubic foot", "litres", "28.3168 litres"),
        (8, "fl oz", "ml", "236.588 ml"),
        (1, "US gallons", "liters", "3.78541 liters"),
        (90, "minutes", "hours", "1.5 hours"),
        (2, "weeks", "days", "14 days"),
        (1, "kWh", "J", "3600000 J"),
        (1, "light years", "km", "9460730472581 km"),
        (12, "Feet", "Inches", "144 Inches"),
        (1, "knot", "mph", "1.15078 mph"),
        (1, "m^3", "gallons", "264.172 gallons"),
    ],
)
def test_everyday_units(value: float, source: str, target: str, result: str) -> None:
    assert convert_units.function(value, source, target) == result


@pytest.mark.parametrize(
    ("source", "target", "sentence"),
    [
        ("kg", "meters", "kg cannot be converted to meters: mass is not length"),
        ("kilometrs", "miles", "'kilometrs' is not a unit that is known here; try kilometer"),
        ("celsius/second", "fahrenheit/second", "celsius/second cannot be converted to fahrenheit/second"),
        ("NAN", "m", "'NAN' is not a unit that is known here"),
        ("dollars", "miles", "'dollars' is not a unit that is known here"),
        ("10**10**10", "m", "'10**10**10' is not a unit that is known here"),
        ("", "m", "'' is not a unit"),
        ("__import__('os')", "m", "'__import__('os')' is not a unit"),
        ("x" * 100, "m", f"'{'x' * 100}' is not a unit"),
    ],
)
def test_failures(source: str, target: str, sentence: str) -> None:
    with pytest.raises(ToolFailure) as failure:
        convert_units.function(1, source, target)
    assert str(failure.value).startswith(sentence)


@given(
    st.floats(-1e6, 1e6), st.sampled_from([("miles", "km"), ("celsius", "fahrenheit"), ("lbs", "kg"), ("cups", "ml")])
)
def test_there_and_back_is_the_same(value: float, pair: tuple[str, str]) -> None:
    there = convert(value, *pair)
    assert convert(there, pair[1], pair[0]) == pytest.approx(value, rel=1e-9, abs=1e-6)


@given(st.text(max_size=12))
def test_any_unit_name_is_known_or_refused_with_a_sentence(name: str) -> None:
    try:
        convert_units.function(1, name, "m")
    except ToolFailure as failure:
        assert "is not a unit" in str(failure) or "cannot be converted" in str(failure)


def test_a_result_beyond_all_numbers_is_refused() -> None:
    with pytest.raises(ToolFailure, match="the value is too large"):
        convert_units.function(1e308, "km", "mm")
