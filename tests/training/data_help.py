"""Small data sets in the formats of the real ones, written by hand."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

DATA = Path(os.environ.get("ALPHA_UMI_DATA") or Path(__file__).parents[2] / ".." / "shared" / "data")
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the data sets are not here; ALPHA_UMI_DATA can name them")


def put(folder: Path, name: str, rows: Iterable[Any], *broken: str) -> None:
    """A `.jsonl.gz` file of these rows, and of lines that are none."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [*(json.dumps(row, ensure_ascii=False) for row in rows), *broken]
    (folder / name).write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))


def said(**turns: str) -> list[dict[str, str]]:
    """ToolBench turns; the part of a name after `_` only tells turns of one speaker apart."""
    return [{"from": name.partition("_")[0], "value": value} for name, value in turns.items()]


WEATHER = {
    "Name": "forecast_for_weather",
    "function": 'This is the subfunction for tool "weather", you can use this tool.',
    "input": {"city": "string, the city", "days": "integer, "},
}
CALL = 'Action: forecast_for_weather\nAction Input: {\n  "city": "Bergen"\n}'
TURNS = said(
    user="Will it rain in Bergen?",
    assistant="I ask for the forecast.\n Next: caller.",
    caller=CALL,
    observation="{'rain': True}\u2028",
    assistant_2="It is known now. Next: conclusion.",
    conclusion="Yes, it will rain.",
)


def toolbench_record(turns: Any = None, tools: Any = None) -> dict[str, Any]:
    return {"tools": tools or [WEATHER], "instruction": "", "conversations": TURNS if turns is None else turns}


def write_toolbench(data: Path, *records: dict[str, Any], broken: Iterable[str] = ()) -> None:
    put(data / "toolbench", "out_of_domain.jsonl.gz", records, *broken)
    put(data / "toolbench", "train_example_raw_data_stage_2.jsonl.gz", [])


GSM = {
    "question": "Tom has 48 clips and sells half of them and 5 more. How many did he sell?",
    "answer": "He sells 48/2 = <<48/2=24>>24 clips first.\nThen he has sold 24+5 = <<24+5=29>>29 clips.\n#### 29",
}


def write_gsm8k(data: Path, *records: Any, broken: Iterable[str] = ()) -> None:
    put(data / "gsm8k", "train.jsonl.gz", records, *broken)
