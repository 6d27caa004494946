import gzip
import json
import random
from itertools import islice

import pytest

from alpha_umi.errors import UsageError
from alpha_umi.runtime.history import Plan, User
from alpha_umi.training import collected


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A folder with a few records in the form of the data sets."""
    requests = {
        "snips/train.jsonl.gz": [
            {"text": f"play some jazz by number {word}", "intent": "PlayMusic", "slots": {}} for word in WORDS
        ]
        + [{"text": "find the film Heat", "intent": "SearchCreativeWork", "slots": {}}],
        "metatool/all_clean_data.jsonl.gz": [
            {"query": "Can you recommend a hotel?", "tool": "Trip"},
            {"query": "Please calculate my taxes", "tool": "Tax"},
            {"query": "Hotels?", "tool": "Trip"},
        ],
        "taskbench/dailylifeapis_user_requests.jsonl.gz": [{"id": "1", "user_request": "Sell my old bike"}],
    }
    for name, rows in requests.items():
        file = tmp_path / name
        file.parent.mkdir()
        file.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    monkeypatch.setenv("ALPHA_UMI_DATA", str(tmp_path))
    return tmp_path


WORDS = [f"{first}{second}" for first in ("one", "two", "six", "ten") for second in ("a", "b", "c", "d", "e", "f")]


def asked(split, count=300):
    return {
        next(e.text for e in made.entries if isinstance(e, User))
        for made in islice(collected.refusals(random.Random(1), split), count)
    }


def test_requests_that_no_built_in_tool_serves_are_refused(data):
    made = next(collected.refusals(random.Random(1), "train"))
    assert made.entries[-1] == Plan("None of my tools can do that.", "give up")
    assert {"calculate", "read_file"} <= {tool.name for tool in made.tools}


def test_requests_that_a_built_in_tool_may_serve_are_left_out(data):
    found = asked("train") | asked("held_out")
    assert {"Can you recommend a hotel?", "Sell my old bike"} <= found
    assert not {"Please calculate my taxes", "find the film Heat", "Hotels?"} & found


def test_held_out_requests_are_never_trained_on(data):
    assert asked("held_out") and not asked("train") & asked("held_out")


def test_without_the_data_sets_the_materials_say_what_is_missing(monkeypatch):
    monkeypatch.delenv("ALPHA_UMI_DATA", raising=False)
    with pytest.raises(UsageError, match="ALPHA_UMI_DATA"):
        next(collected.sets(random.Random(1), "train"))
