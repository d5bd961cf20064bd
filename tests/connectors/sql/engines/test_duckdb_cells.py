"""Values of every type of DuckDB, through a worker."""

import pytest

from tests.connectors.sql.servers.duckdb_engines import Make, cells


@pytest.mark.parametrize(
    ("expression", "cell"),
    [
        ("1.50", "1.50"),
        ("0.1::FLOAT", 0.1),
        ("0.1::DOUBLE", 0.1),
        ("1e300::DOUBLE", 1e300),
        ("'nan'::DOUBLE", "NaN"),
        ("'-inf'::FLOAT", "-Infinity"),
        ("9007199254740991", 9007199254740991),
        ("9007199254740993", "9007199254740993"),
        ("170141183460469231731687303715884105727::HUGEINT", "170141183460469231731687303715884105727"),
        ("340282366920938463463374607431768211455::UHUGEINT", "340282366920938463463374607431768211455"),
        ("TRUE", True),
        ("NULL", None),
        ("NULL::DATE", None),
        ("NULL::INTEGER[]", None),
        ("DATE '2024-02-29'", "2024-02-29"),
        ("DATE 'infinity'", "infinity"),
        ("DATE '20240-01-01'", "20240-01-01"),
        ("TIMESTAMP '2024-02-29 23:59:59.123456'", "2024-02-29T23:59:59.123456"),
        ("TIMESTAMP_NS '2024-02-29 23:59:59.123456789'", "2024-02-29T23:59:59.123456789"),
        ("TIMESTAMP '-infinity'", "-infinity"),
        ("TIMESTAMPTZ '2024-02-29 23:59:59+02'", "2024-02-29T21:59:59+00:00"),
        ("TIME '10:00:00.5'", "10:00:00.5"),
        ("'10:00:00+02'::TIMETZ", "10:00:00+02:00"),
        ("INTERVAL '1 month 2 days 3 hours'", "1 month 2 days 03:00:00"),
        ("'6f1d8a2e-3c4b-4d5e-8f60-718293a4b5c6'::UUID", "6f1d8a2e-3c4b-4d5e-8f60-718293a4b5c6"),
        ("'\\x00\\xFF'::BLOB", {"base64": "AP8="}),
        ("'101'::BIT", "101"),
        ("'a'::ENUM('a', 'b')", "a"),
        ("'é€😀'", "é€😀"),
        ("'{\"a\": [1, 9007199254740993, null]}'::JSON", {"a": [1, "9007199254740993", None]}),
        ("[1, NULL, 3]", [1, None, 3]),
        ("[1.5, 2.5]::DECIMAL(3, 1)[2]", ["1.5", "2.5"]),
        ("[[DATE '2024-01-01'], NULL]", [["2024-01-01"], None]),
        ("{'a': 1, 'b': [INTERVAL 1 MONTH]}", {"a": 1, "b": ["1 month"]}),
        ("row(1, DATE '2024-01-01')", [1, "2024-01-01"]),
        ("[{'x': TIMESTAMP '2024-01-01 10:00:00'}]", [{"x": "2024-01-01T10:00:00"}]),
        ("MAP {'k': 1}", {"k": 1}),
        ("MAP {[1]: DATE '2024-01-01'}", {"[1]": "2024-01-01"}),
        ("union_value(n := 2)", 2),
        ("{'a': 1}::VARIANT", {"a": 1}),
    ],
)
async def test_a_value_comes_without_loss(duckdb_engines: Make, expression: str, cell: object) -> None:
    assert await cells(duckdb_engines(), f"SELECT {expression}") == [cell]


async def test_long_cells_are_cut_and_say_so(duckdb_engines: Make) -> None:
    text, blob, array = await cells(
        duckdb_engines(cell_bytes=100), "SELECT repeat('é', 100), repeat('ab', 100)::BLOB, range(100)"
    )
    assert text == "é" * 50 + "… [cut: 200 bytes in all]"
    assert blob["cut"] == "200 bytes in all"
    assert array.startswith("[0,1,2,")
    assert array.endswith("bytes in all]")
