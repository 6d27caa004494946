from __future__ import annotations

import csv
import io
import json
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alpha_umi.tools.builtin.conditions import Condition, read_conditions
from alpha_umi.tools.builtin.queries import query
from alpha_umi.tools.builtin.table_rows import csv_rows, json_rows
from alpha_umi.tools.builtin.tables import describe_table, query_table, summarize_table
from alpha_umi.tools.context import ToolFailure

SALES = """city,item,amount,unit price,sold
Oslo,Tea,3,2.50,2026-01-05
Rome,tea,5,1.25,2026-01-07
Oslo,"Salt and Pepper",4,0.10,2026-02-01
Paris,,10,,2026-02-03
"""
COLUMNS = "the columns are city, item, amount, unit price, sold"


@pytest.fixture
def sales(workspace: Path) -> str:
    (workspace / "sales.csv").write_text(SALES, encoding="utf-8")
    return "sales.csv"


def test_describing_a_csv_file(sales: str) -> None:
    assert describe_table.function(sales).splitlines() == [
        "sales: 4 rows",
        "columns: city (text), item (text), amount (integer), unit price (number), sold (text)",
        "first rows:",
        "city | item | amount | unit price | sold",
        "Oslo | Tea | 3 | 2.5 | 2026-01-05",
        "Rome | tea | 5 | 1.25 | 2026-01-07",
        "Oslo | Salt and Pepper | 4 | 0.1 | 2026-02-01",
    ]


@pytest.mark.parametrize(
    ("arguments", "result"),
    [
        (("count",), "4"),
        (("count", "unit price"), "3"),
        (("sum", "amount"), "22"),
        (("sum", "unit_price"), "3.85"),
        (("average", "Amount"), "5.5"),
        (("average", "unit price"), "1.28333"),
        (("median", "amount"), "4.5"),
        (("min", "amount"), "3"),
        (("max", "sold"), "2026-02-03"),
        (("max", "city"), "Rome"),
        (("max_row", "unit price"), "city=Oslo, item=Tea, amount=3, unit price=2.5, sold=2026-01-05"),
        (("min_row", "amount", "city = rome"), "city=Rome, item=tea, amount=5, unit price=1.25, sold=2026-01-07"),
        (("sum", "amount", "city = Oslo"), "7"),
        (("sum", "amount", "where City == 'OSLO' AND amount > 3"), "4"),
        (("count", None, "city = Nowhere"), "0"),
        (("count", None, "item = salt and pepper"), "1"),
        (("count", None, "item contains TEA"), "2"),
        (("count", None, "item is empty"), "1"),
        (("count", None, "item is not empty"), "3"),
        (("count", None, "unit price != 2.5"), "3"),
        (("count", None, "amount at least 4 and amount less than 10"), "2"),
        (("count", None, "sold >= 2026-02-01"), "2"),
        (("count", None, "sold before 2026"), "0"),
        (("sum", "amount", None, "city"), "Paris: 10\nOslo: 7\nRome: 5"),
        (("count", None, None, "item"), "Salt and Pepper: 1\nTea: 1\ntea: 1\nnone: 1"),
        (("average", "unit price", None, "city"), "Oslo: 1.3\nRome: 1.25"),
    ],
)
def test_summaries(sales: str, arguments: tuple[str | None, ...], result: str) -> None:
    assert summarize_table.function(sales, *arguments) == result


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("sum",), "sum needs a column"),
        (("sum", "total"), f"there is no column total; {COLUMNS}"),
        (("sum", "city"), "the column city holds 'Oslo', which cannot be added up"),
        (("sum", "amount", "city = Nowhere"), "no row matches city = Nowhere"),
        (("average", "unit price", "city = Paris"), "no value of unit price is left to work with"),
        (("count", None, "town = Oslo"), f"there is no column town; {COLUMNS}"),
        (("count", None, "amount > many"), "the column amount holds numbers, and 'many' is not a number"),
        (("count", None, "item > 3"), "the column item holds text, which cannot be compared with the number 3"),
        (("count", None, "Oslo"), "the condition 'Oslo' cannot be read; write it like city = value"),
        (("count", None, "city ="), "the condition 'city =' cannot be read; write it like city = value"),
        (("count", None, "city = Oslo or city = Rome"),
         "conditions can be joined by 'and' only; for 'or' use query_table"),
        (("count", None, None, "country"),
         f"there is no column country; {COLUMNS}"),
    ],
)  # fmt: skip
def test_summaries_that_cannot_be_made(sales: str, arguments: tuple[str | None, ...], sentence: str) -> None:
    with pytest.raises(ToolFailure) as failure:
        summarize_table.function(sales, *arguments)
    assert str(failure.value) == sentence


SIGNS = {"=": "=", "==": "=", "is": "=", "!=": "!=", "<>": "!=", "is not": "!=", ">=": ">=", "at most": "<=",
         "more than": ">", "contains": "contains", "<": "<"}  # fmt: skip
values = st.text(st.characters(codec="utf-8", exclude_characters="'\""), min_size=1, max_size=12).map(
    lambda text: " ".join(text.split())
)
conditions = st.lists(
    st.tuples(st.sampled_from(["city", "unit price", "a-b", "and"]), st.sampled_from(sorted(SIGNS)), values), min_size=1
)


@given(conditions, st.sampled_from(["'", '"']), st.sampled_from([" and ", " AND ", ", ", " && "]))
def test_quoted_conditions_are_read_back(parts: list[tuple[str, str, str]], quote: str, joint: str) -> None:
    text = joint.join(f"{column} {sign} {quote}{value}{quote}" for column, sign, value in parts)
    if len(text) <= 1000:
        expected = [Condition(column, SIGNS[sign], value) for column, sign, value in parts]
        assert read_conditions(text, ["city", "unit price", "a-b", "and"]) == expected


@given(st.text(max_size=60))
def test_any_condition_is_read_or_refused(text: str) -> None:
    try:
        assert read_conditions(text, ["city", "unit price"])
    except ToolFailure as failure:
        assert str(failure)


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("city=Oslo", Condition("city", "=", "Oslo")),
        ("UNIT_PRICE<=1,200.50", Condition("unit price", "<=", "1,200.50")),
        ("`city` = 'O''Hare'", Condition("city", "=", "O'Hare")),
        ('"unit price" is over 3;', Condition("unit price", ">", "3")),
        ("city is over", Condition("city", "=", "over")),
        ("[city] ≠ Rome", Condition("city", "!=", "Rome")),
        ("city = rock and roll", Condition("city", "=", "rock and roll")),
    ],
)
def test_tolerant_conditions(text: str, condition: Condition) -> None:
    assert read_conditions(text, ["city", "unit price"]) == [condition]


def test_queries(sales: str) -> None:
    assert query_table.function(sales, "SELECT count(*) FROM sales;") == "4"
    assert query_table.function(sales, "select city, sum(amount) as total from sales group by city") == (
        "city | total\nOslo | 7\nParis | 10\nRome | 5"
    )
    assert query_table.function(sales, "select item from sales where city = 'Paris'") == "none"
    assert query_table.function(sales, "select * from sales where amount > 99") == "no rows"
    with pytest.raises(ToolFailure, match="the SQL is not valid: no such column: town"):
        query_table.function(sales, "select town from sales")


def test_a_long_result_is_cut_visibly(workspace: Path) -> None:
    (workspace / "n.csv").write_text("n\n" + "\n".join(map(str, range(90))), encoding="utf-8")
    lines = query_table.function("n.csv", "select * from n").splitlines()
    assert lines[0] == "n"
    assert lines[-1] == "[cut: only the first 50 rows are shown]"
    assert summarize_table.function("n.csv", "count", group_by="n").splitlines()[-1] == (
        "[cut: only the first 50 of 90 groups are shown]"
    )


@pytest.mark.parametrize(
    "sql",
    [
        "delete from sales",
        "insert into sales select * from sales",
        "drop table sales",
        "create table x (y)",
        "attach '/etc/passwd' as other",
        "select load_extension('x')",
        "pragma query_only = 0",
        "vacuum into 'copy.db'",
        "begin",
    ],
)
def test_queries_only_read(sales: str, workspace: Path, sql: str) -> None:
    with pytest.raises(ToolFailure, match=r"only SELECT is allowed|not valid"):
        query_table.function(sales, sql)
    assert [path.name for path in workspace.iterdir()] == ["sales.csv"]
    assert (workspace / "sales.csv").read_text(encoding="utf-8") == SALES


def test_queries_are_one_statement_within_a_time() -> None:
    connection = sqlite3.connect(":memory:")
    with pytest.raises(ToolFailure, match="only one SQL statement can be run at a time"):
        query(connection, "select 1; select 2", 10)
    endless = "with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c"
    with pytest.raises(ToolFailure, match=r"the query was stopped after 0.1 seconds"):
        query(connection, endless, 10, seconds=0.1)
    assert query(connection, "select 1 as one", 10).rows == [(1,)]
    connection.close()


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("2026 sales.csv", "t_2026_sales"),
        ("my-data.csv", "my_data"),
        ("a.b.csv", "a_b"),
        ("æøå.csv", "æøå"),
        ("--.csv", "table_1"),
    ],
)
def test_table_names_are_identifiers(workspace: Path, name: str, table: str) -> None:
    (workspace / name).write_text("x\n1\n", encoding="utf-8")
    assert describe_table.function(name).startswith(f"{table}: 1 row\n")
    assert query_table.function(name, f"select x from {table}") == "1"
    stem = name.rpartition(".")[0]
    assert query_table.function(name, f'select x from "{stem}"') == "1"


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators(separator: str) -> None:
    rows = csv_rows(separator.join(["a", "b"]) + "\n" + separator.join(["1", "x"]) + "\n\n")
    assert rows.columns == {"a": int, "b": str}
    assert rows.rows == [(1, "x")]


@pytest.mark.parametrize(
    ("column", "kind", "cells"),
    [
        (["1", "-2"], int, [1, -2]),
        (["1", "2.5"], float, [1.0, 2.5]),
        (["1,200.50", "3"], float, [1200.5, 3.0]),
        (["007", "12"], str, ["007", "12"]),
        (["", "5"], int, [None, 5]),
        (["nan", "5"], str, ["nan", "5"]),
        (["9" * 30, "1"], float, [1e30, 1.0]),
        (["1e3", "2"], float, [1000.0, 2.0]),
        (["+47 22", "5"], str, ["+47 22", "5"]),
    ],
)
def test_types_of_csv_columns(column: list[str], kind: type, cells: list[object]) -> None:
    rows = csv_rows("key;value\n" + "\n".join(f"k;{cell}" for cell in column))
    assert rows.columns["value"] is kind
    assert [row[1] for row in rows.rows] == cells


def test_decimal_commas_between_semicolons() -> None:
    assert csv_rows("a;b\nx;3,50\ny;2\n").rows == [("x", 3.5), ("y", 2.0)]


def test_quoted_cells_may_hold_separators_quotes_and_lines() -> None:
    assert csv_rows('a,b\n"1, 2","x ""y""\nz"\n').rows == [("1, 2", 'x "y"\nz')]


def test_headers_become_different_names() -> None:
    assert list(csv_rows("a,,A,a\n1,2,3,4").columns) == ["a", "column_2", "A_3", "a_4"]


def test_a_row_with_too_many_values_is_named() -> None:
    with pytest.raises(ValueError, match="row 3 has 3 values, but there are 2 columns"):
        csv_rows("a,b\n1,2\n1,2,3\n")
    assert csv_rows("a,b\n1\n1,2,\n").rows == [(1, None), (1, 2)]


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1),
            st.integers(-(10**9), 10**9),
        )
    )
)
def test_csv_cells_survive(cells: list[tuple[str, int]]) -> None:
    out = io.StringIO()
    csv.writer(out).writerows([("name", "n"), *cells])
    rows = csv_rows(out.getvalue())
    assert [number for _, number in rows.rows] == [number for _, number in cells]
    if rows.columns["name"] is str:
        assert [name for name, _ in rows.rows] == [name for name, _ in cells]


@pytest.mark.parametrize(
    "text",
    [
        '[{"a": 1, "b": "x"}, {"a": 2}]',
        '{"rows": [{"a": 1, "b": "x"}, {"a": 2}], "total": 2}',
        '{"a": 1, "b": "x"}\n{"a": 2}\n',
    ],
)
def test_json_forms(workspace: Path, text: str) -> None:
    (workspace / "data.json").write_text(text, encoding="utf-8")
    assert query_table.function("data.json", "select * from data") == "a | b\n1 | x\n2 | none"


def test_json_values_that_are_no_cells() -> None:
    rows = json_rows(json.dumps([{"on": True, "tags": [1, 2], "big": 10**400, "x": 1.5}, {"on": False, "x": 2}]))
    assert rows.columns == {"on": str, "tags": str, "big": str, "x": float}
    assert rows.rows == [("true", "[1,2]", str(10**400), 1.5), ("false", None, None, 2.0)]


@pytest.fixture
def shop(workspace: Path) -> str:
    connection = sqlite3.connect(workspace / "shop.db")
    connection.execute("pragma journal_mode = wal")
    connection.execute("create table orders (id integer primary key, total real)")
    connection.executemany("insert into orders (total) values (?)", [(2.5,), (4,)])
    connection.commit()
    connection.close()
    return "shop.db"


def test_sqlite_files(shop: str, workspace: Path) -> None:
    assert describe_table.function(shop).splitlines()[:2] == ["orders: 2 rows", "columns: id (integer), total (number)"]
    assert summarize_table.function(shop, "sum", "total") == "6.5"
    assert query_table.function(shop, "select max(total) from orders") == "4"
    assert query_table.function(shop, "select max(total) from shop") == "4"


def test_sqlite_files_with_several_tables(shop: str, workspace: Path) -> None:
    connection = sqlite3.connect(workspace / shop)
    connection.execute("create table people (name text)")
    connection.close()
    shown = describe_table.function(shop).splitlines()
    assert shown[0] == "orders: 2 rows"
    assert "people: 0 rows" in shown
    with pytest.raises(ToolFailure, match=r"shop.db has the tables orders, people; ask with query_table"):
        summarize_table.function(shop, "count")


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("empty.csv", b"", "empty.csv is empty"),
        ("bad.json", b"[{]", "bad.json is not a table: its JSON is broken"),
        ("list.json", b"[1, 2]", "list.json is not a table: it has no list of objects"),
        ("bin.csv", b"\0\1", "bin.csv is a binary file, not text"),
        ("broken.db", b"SQLite format 3\0" + b"x" * 200, "broken.db cannot be read as a table"),
    ],
)
def test_files_that_are_no_tables(workspace: Path, name: str, content: bytes, sentence: str) -> None:
    (workspace / name).write_bytes(content)
    with pytest.raises(ToolFailure) as failure:
        describe_table.function(name)
    assert str(failure.value).startswith(sentence)
