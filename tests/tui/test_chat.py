import asyncio
import json

from stage import ANSWER, CALCULATE, CALL, GIVE_UP, SLOW, WRITE, SlowToLoad, play, staged

from alpha_umi.runtime import events as ev
from alpha_umi.tui.facts import size_text
from alpha_umi.tui.widgets.answer import Answer
from alpha_umi.tui.widgets.plan import PlanRow
from alpha_umi.tui.widgets.tool_card import ToolCard


def test_a_turn_shows_plan_call_and_answer(tmp_path):
    async def run():
        async with staged(tmp_path, CALCULATE) as stage:
            await stage.ask("What is 12.5% of 360?")
            rows = [line.strip() for line in stage.text.splitlines() if line.strip()]
            at = rows.index("you  What is 12.5% of 360?")
            assert rows[at + 1] == "planner 1  Use calculate. → caller"
            assert rows[at + 2].startswith("▸ caller  [ok ") and rows[at + 2].endswith("→ 45")
            assert rows[at + 3] == "planner 2  There it is. → conclusion"
            assert rows[at + 4 : at + 6] == ["summarizer", "12.5% of 360 is 45."]
            assert stage.chat.transcript.answer == "12.5% of 360 is **45**."

    play(run())


def test_one_can_type_and_send_while_the_models_load(tmp_path):
    async def run():
        engine = SlowToLoad(CALCULATE)
        async with staged(tmp_path, None, engine=engine, ready=False) as stage:
            await stage.sees("loading", "planner model.gguf 2.0 kB", "summarizer model.gguf 2.0 kB")
            await stage.send("What is 12.5% of 360?")
            await stage.sees("queued 1: What is 12.5% of 360?")
            engine.loaded.set()
            await stage.sees("12.5% of 360 is 45.")
            assert "model.gguf" not in stage.text

    play(run())


def test_a_failed_call_opens_itself_and_enter_folds_it(tmp_path):
    script = {
        "planner": [f"Read.{CALL}", f"Missing.{ANSWER}"],
        "caller": ['read_file{"path":"nothing.txt"}'],
        "summarizer": ["There is none."],
    }

    async def run():
        async with staged(tmp_path, script) as stage:
            await stage.ask("show nothing.txt")
            card = stage.app.screen.query_one(ToolCard)
            assert card.opened and card.state == "error"
            assert "result (error)" in stage.text
            card.focus()
            await stage.pilot.press("enter")
            assert not card.opened and "result (error)" not in stage.text

    play(run())


def test_a_long_result_says_that_it_is_cut_and_opens_whole(tmp_path):
    async def run():
        async with staged(tmp_path, CALCULATE, size=(80, 50)) as stage:
            content = "\n".join(f"line {number}" for number in range(1, 31))
            show = stage.chat.transcript.show
            await show(ev.CallProposed(tool="read_file", arguments={"path": "a"}, text='{"path":"a"}'))
            await show(ev.Observed(tool="read_file", status="ok", content=content))
            card = stage.app.screen.query_one(ToolCard)
            card.focus()
            await stage.pilot.press("enter")
            await stage.sees("line 20", "characters, Enter opens all]")
            assert "line 21" not in stage.text
            await stage.pilot.press("enter")
            await stage.sees("line 30")
            await stage.pilot.press("enter")
            assert not card.opened

    play(run())


def test_ctrl_o_opens_and_folds_all_steps(tmp_path):
    async def run():
        async with staged(tmp_path, CALCULATE) as stage:
            await stage.ask("What is 12.5% of 360?")
            card = stage.app.screen.query_one(ToolCard)
            await stage.pilot.press("ctrl+o")
            assert card.opened
            await stage.sees('expression: "12.5% of 360"')
            await stage.pilot.press("ctrl+o")
            assert not card.opened

    play(run())


def test_escape_stops_at_once_and_keeps_what_was_written(tmp_path):
    async def run():
        async with staged(tmp_path, SLOW, delay=0.05) as stage:
            await stage.send("go on")
            await stage.sees("one one one")
            await stage.pilot.press("escape")
            await stage.sees("stopped  cancelled by the user")
            assert "one one one" in stage.text
            stored = stage.app.bridge.desk.session.events()[-1]
            assert (stored.status, stored.answer.startswith("one one")) == ("stopped", True)

    play(run())


def test_leaving_in_the_middle_of_a_turn_is_no_fault(tmp_path):
    async def run():
        async with staged(tmp_path, SLOW, delay=0.05) as stage:
            await stage.send("go on")
            await stage.sees("one one one")
            await stage.pilot.press("ctrl+q")
            await stage.until(lambda: not stage.app.is_running)
        assert stage.app.fault is None
        assert stage.app.bridge.desk.session.events()[-1].status == "stopped"

    play(run())


def test_what_is_sent_while_a_turn_runs_is_queued_and_editable(tmp_path):
    script = {"planner": [f"A.{ANSWER}", f"B.{ANSWER}"], "summarizer": ["one " * 40, "the second answer"]}

    async def run():
        async with staged(tmp_path, script, delay=0.02) as stage:
            await stage.send("first")
            await stage.until(lambda: stage.chat.busy)
            await stage.send("second")
            await stage.sees("queued 1: second")
            await stage.pilot.press("up")
            assert stage.prompt.text == "second" and not stage.chat.composer.queue
            await stage.pilot.press("!", "enter")
            await stage.sees("you  second!", "the second answer")

    play(run())


def test_stopping_gives_the_queue_back(tmp_path):
    async def run():
        async with staged(tmp_path, SLOW, delay=0.05) as stage:
            await stage.send("first")
            await stage.send("second")
            await stage.pilot.press("escape")
            await stage.idle()
            assert stage.prompt.text == "second" and not stage.chat.composer.queue

    play(run())


def test_giving_up_and_failing_say_why(tmp_path):
    async def run():
        async with staged(tmp_path, {"planner": [f"I cannot fly.{GIVE_UP}", f"Answer.{ANSWER}"]}) as stage:
            await stage.ask("fly")
            await stage.sees("gave up", "I cannot fly.")
            await stage.ask("answer")
            await stage.sees("error  The script has no more output for the summarizer.", "/retry")

    play(run())


def test_retry_asks_again_without_the_last_turn(tmp_path):
    script = {"planner": [f"A.{ANSWER}"] * 3, "summarizer": ["First.", "Second.", "Third."]}

    async def run():
        async with staged(tmp_path, script) as stage:
            await stage.ask("one")
            await stage.ask("two")
            before = stage.app.bridge.desk.session
            await stage.ask("/retry")
            await stage.sees("Third.")
            assert "Second." not in stage.text and "First." in stage.text
            session = stage.app.bridge.desk.session
            answers = [event.answer for event in session.events() if isinstance(event, ev.TurnFinished)]
            assert answers == ["First.", "Third."] and session.id != before.id
            said = "".join(segment.text for segment in stage.engine.requests[-1].prompt)
            assert "First." in said and "Second." not in said

    play(run())


def test_undo_puts_files_back(tmp_path):
    async def run():
        async with staged(tmp_path, WRITE, approve="all") as stage:
            file = tmp_path / "work" / "garden.md"
            file.write_text("before", encoding="utf-8")
            await stage.ask("put water into garden.md")
            assert file.read_text(encoding="utf-8") == "water"
            await stage.send("/undo")
            await stage.sees("undo  put back garden.md")
            assert file.read_text(encoding="utf-8") == "before"

    play(run())


def test_undo_removes_a_file_that_the_turn_made(tmp_path):
    async def run():
        async with staged(tmp_path, WRITE, approve="all") as stage:
            await stage.ask("put water into garden.md")
            await stage.send("/undo")
            await stage.sees("undo  removed garden.md")
            assert not (tmp_path / "work" / "garden.md").exists()

    play(run())


def test_export_writes_markdown_and_json_and_overwrites_nothing(tmp_path):
    async def run():
        async with staged(tmp_path, CALCULATE) as stage:
            await stage.ask("What is 12.5% of 360?")
            for name in ("a.md", "a.json"):
                await stage.send(f"/export {tmp_path / name}")
                await stage.until((tmp_path / name).exists)
            await stage.sees("a.json")
            assert "12.5% of 360 is **45**." in (tmp_path / "a.md").read_text(encoding="utf-8")
            exported = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
            assert exported["id"] == stage.app.bridge.desk.session.id
            (tmp_path / "a.md").write_text("mine", encoding="utf-8")
            await stage.send(f"/export {tmp_path / 'a.md'}")
            await stage.sees("exists already")
            assert (tmp_path / "a.md").read_text(encoding="utf-8") == "mine"

    play(run())


def test_copy_sends_the_last_answer_to_the_clipboard(tmp_path):
    async def run():
        async with staged(tmp_path, CALCULATE) as stage:
            await stage.ask("What is 12.5% of 360?")
            await stage.send("/copy")
            await stage.until(lambda: stage.app.clipboard == "12.5% of 360 is **45**.")

    play(run())


def test_tools_and_trio_are_shown(tmp_path):
    async def run():
        async with staged(tmp_path, CALCULATE, size=(100, 60)) as stage:
            await stage.send("/tools")
            await stage.sees("write_file       ask", "calculate        auto")
            await stage.send("/trio")
            await stage.sees("planner     model.gguf, 2.0 kB, context 4096 tokens")

    play(run())


def test_new_begins_another_session(tmp_path):
    async def run():
        async with staged(tmp_path, CALCULATE) as stage:
            await stage.ask("What is 12.5% of 360?")
            await stage.pilot.press("ctrl+n")
            await stage.ready()
            await stage.sees("new session")
            assert not stage.app.screen.query(PlanRow) and stage.app.bridge.desk.session is None

    play(run())


def test_the_meters_tell_speed_context_memory_and_mode(tmp_path):
    async def run():
        async with staged(tmp_path, CALCULATE, size=(160, 24)) as stage:
            await stage.ask("What is 12.5% of 360?")
            await stage.until(lambda: stage.chat.meters.memory > 1e6)
            used = stage.chat.meters.meters["planner"]
            assert used.total.generated == sum(
                event.usage.generated
                for event in stage.app.bridge.desk.session.events()
                if isinstance(event, ev.Usage) and event.role == "planner"
            )
            context = f"{used.latest.prompt + used.latest.generated}/4k"
            await stage.sees("approve: ask", context, f"{used.total.generated} out)")
            await stage.until(lambda: size_text(stage.chat.meters.memory) in stage.text)
            await stage.pilot.press("shift+tab")
            await stage.sees("approve: all")

    play(run())


def test_the_meters_draw_at_most_four_times_a_second(tmp_path):
    async def run():
        async with staged(tmp_path, CALCULATE) as stage:
            drawn = []
            meters = stage.chat.meters
            update = meters.update
            meters.update = lambda content: (drawn.append(asyncio.get_running_loop().time()), update(content))
            usage = ev.Usage(role="planner", usage=ev.RoleUsage(prompt=1, generated=1, seconds=1.0))
            start = asyncio.get_running_loop().time()
            while asyncio.get_running_loop().time() - start < 0.9:
                meters.used(usage)
                await stage.pilot.pause()
            assert 1 <= len(drawn) <= 5

    play(run())


def test_a_stored_session_looks_as_it_did_live(tmp_path):
    async def run():
        async with staged(tmp_path, CALCULATE) as stage:
            await stage.ask("What is 12.5% of 360?")
            live = [type(row).__name__ for row in stage.chat.transcript.children]
            lines = stage.text.splitlines()[:21]
        async with staged(tmp_path, CALCULATE, session="latest") as stage:
            await stage.sees("12.5% of 360 is 45.")
            assert [type(row).__name__ for row in stage.chat.transcript.children] == live
            assert stage.text.splitlines()[:21] == lines

    play(run())


def test_the_answer_is_read_by_its_consumer_as_it_was_written(tmp_path):
    async def run():
        async with staged(tmp_path, CALCULATE) as stage:
            answer = await stage.chat.transcript.say(Answer())
            for piece in ("# Ti", "tle\n\n- *a", "*\n- b\n", "\n`code`"):
                await answer.feed(piece)
            await answer.finish("")
            await stage.sees("Title", "• a", "• b", "code")
            assert answer.text == "# Title\n\n- *a*\n- b\n\n`code`"

    play(run())
