"""One role on a server, the others on the files of the embedded trio."""

import json

from fake_server import says, serving

from alpha_umi.runtime.agent import Agent
from alpha_umi.runtime.doctor import examine
from alpha_umi.runtime.paths import Paths
from alpha_umi.runtime.settings import EngineSettings, Settings


def test_a_planner_on_a_server_and_the_other_roles_here(tmp_path):
    (tmp_path / "work").mkdir()
    plans = ("Work it out with calculate.", "caller"), ("The sum is known.", "conclusion")
    answers = [says(json.dumps({"rationale": said, "decision": next_one})) for said, next_one in plans]
    home = tmp_path / "home"
    with serving(*answers) as server:
        mixed = {"roles": {"planner": "server"}, "server": {"url": server.url}, "threads": 1}
        everything = Settings(engine=EngineSettings.model_validate(mixed))
        paths = Paths(home / "config", home / "data", home / "state")
        with Agent("nano", workspace=tmp_path / "work", settings=everything, paths=paths) as umi:
            events = list(umi.turn("What is 12.5% of 360?"))
            assert umi.engine.context("planner") == 4096 and umi.engine.context("caller") == 2048
    assert events[-1].status == "answered"
    assert [event.type for event in events].count("call_proposed") == 1
    assert [plan.rationale for plan in events if plan.type == "planned"] == [said for said, _ in plans]
    assert len(server.completions()) == 2


def test_a_server_that_is_down_does_not_hide_what_is_here(tmp_path):
    home = tmp_path / "home"
    paths = Paths(home / "config", home / "data", home / "state")
    paths.config.mkdir(parents=True)
    text = '[engine]\nroles = { planner = "server" }\nserver = { url = "http://127.0.0.1:9/v1" }\n'
    paths.settings_file.write_text(text, encoding="utf-8")
    found = list(examine(paths))
    (fault,) = [finding.detail for finding in found if not finding.ok and finding.topic == "engine"]
    assert "no server at http://127.0.0.1:9/v1" in fault
    models = [finding.detail for finding in found if finding.topic == "model"]
    assert sorted(detail.partition(":")[0] for detail in models) == ["caller", "summarizer"]
