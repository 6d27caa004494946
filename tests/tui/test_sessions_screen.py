from stage import CALCULATE, Stage, make_app, make_home, play, staged
from textual.widgets import Input, OptionList

from alpha_umi.runtime import events as ev
from alpha_umi.runtime.sessions import SessionStore
from alpha_umi.tui.screens.sessions import SessionsScreen
from alpha_umi.tui.widgets.earlier import Earlier
from alpha_umi.tui.widgets.notice import Asked


def store_sessions(tmp_path, *turns):
    """One session for each (instruction, answer), the last one the latest; their ids."""
    (tmp_path / "work").mkdir(exist_ok=True)
    ids = []
    with SessionStore(make_home(tmp_path / "home").paths.sessions_db) as store:
        for instruction, answer in turns:
            session = store.create(tmp_path / "work", "nano")
            session.append(ev.TurnStarted(instruction=instruction))
            session.append(ev.TurnFinished(status="answered", answer=answer))
            ids.append(session.id)
    return ids


async def opened(stage):
    await stage.pilot.press("ctrl+s")
    await stage.until(lambda: isinstance(stage.app.screen, SessionsScreen))
    rows = stage.app.screen.query_one(OptionList)
    await stage.until(lambda: rows.option_count > 0)
    return rows


def test_find_by_the_text_of_an_answer_and_resume(tmp_path):
    ids = store_sessions(tmp_path, ("water the garden", "The roses need it."), ("count apples", "Seven."))

    async def run():
        async with staged(tmp_path, CALCULATE) as stage:
            rows = await opened(stage)
            assert [rows.get_option_at_index(at).id for at in range(2)] == ids[::-1]
            await stage.pilot.press(*"roses")
            await stage.until(lambda: rows.option_count == 1)
            await stage.sees("The roses need it.")
            await stage.pilot.press("enter")
            await stage.sees(f"session {ids[0]}", "you  water the garden", "The roses need it.")
            await stage.ask("What is 12.5% of 360?")
            await stage.sees("12.5% of 360 is 45.")
            said = "".join(segment.text for segment in stage.engine.requests[0].prompt)
            assert "The roses need it." in said

    play(run())


def test_titles_are_found_by_letters_that_are_left_out(tmp_path):
    store_sessions(tmp_path, ("water the garden", "Yes."), ("count apples", "Seven."))

    async def run():
        async with staged(tmp_path, CALCULATE) as stage:
            rows = await opened(stage)
            await stage.pilot.press(*"wtrgrdn")
            await stage.until(lambda: rows.option_count == 1)
            await stage.sees("water the garden")

    play(run())


def test_rename(tmp_path):
    store_sessions(tmp_path, ("water the garden", "Yes."))

    async def run():
        async with staged(tmp_path, CALCULATE) as stage:
            await opened(stage)
            await stage.pilot.press("f2")
            stage.app.screen.query_one("#title-input", Input).value = "roses"
            await stage.pilot.press("enter")
            await stage.sees("1 turn    roses")
            await stage.pilot.press("f2")
            stage.app.screen.query_one("#title-input", Input).value = " "
            await stage.pilot.press("enter")
            await stage.sees("a title needs at least one character")

    play(run())


def test_delete_needs_a_second_press_on_the_same_session(tmp_path):
    store_sessions(tmp_path, ("water the garden", "Yes."), ("count apples", "Seven."))

    async def run():
        async with staged(tmp_path, CALCULATE) as stage:
            rows = await opened(stage)
            await stage.pilot.press("f8")
            await stage.sees("press the key again to delete")
            await stage.pilot.press("down", "f8", "escape")
            await stage.sees("nothing was deleted")
            assert rows.option_count == 2
            await stage.pilot.press("f8", "f8")
            await stage.until(lambda: rows.option_count == 1)
            assert "count apples" in stage.text and "water the garden" not in stage.text

    play(run())


def test_the_open_session_cannot_be_deleted(tmp_path):
    async def run():
        async with staged(tmp_path, CALCULATE) as stage:
            await stage.ask("What is 12.5% of 360?")
            rows = await opened(stage)
            await stage.pilot.press("f8", "f8")
            await stage.sees("this session is open")
            assert rows.option_count == 1

    play(run())


def test_export(tmp_path, monkeypatch):
    (session_id,) = store_sessions(tmp_path, ("water the garden", "Yes."))
    monkeypatch.chdir(tmp_path)

    async def run():
        async with staged(tmp_path, CALCULATE) as stage:
            await opened(stage)
            await stage.pilot.press("f3")
            file = tmp_path / f"umi-{session_id}.md"
            await stage.until(file.exists)
            await stage.sees("written to")
            assert "> water the garden" in file.read_text(encoding="utf-8")

    play(run())


def test_a_session_of_two_thousand_events_shows_its_end_and_the_rest_on_request(tmp_path):
    (session_id,) = store_sessions(tmp_path, ("number 0", "Answer 0."))
    with SessionStore(make_home(tmp_path / "home").paths.sessions_db) as store:
        session = store.open(session_id)
        for number in range(1, 250):
            session.append(ev.TurnStarted(instruction=f"number {number}"))
            session.append(ev.Planned(step=1, rationale="Say it.", decision="conclusion"))
            for role in ("planner", "summarizer"):
                session.append(ev.Usage(role=role, usage=ev.RoleUsage(prompt=2, generated=1, seconds=0.1)))
            session.append(ev.LimitReached(limit="steps", detail="no more"))
            session.append(ev.LimitReached(limit="steps", detail="no more"))
            session.append(ev.LimitReached(limit="steps", detail="no more"))
            session.append(ev.TurnFinished(status="answered", answer=f"Answer {number}."))

    async def run():
        async with staged(tmp_path, CALCULATE, session=session_id[:4]) as stage:
            await stage.sees("Answer 249.")
            transcript = stage.chat.transcript
            assert len(transcript.children) < 100
            earlier = transcript.query_one(Earlier)
            earlier.focus()
            await stage.pilot.press("enter")
            shown = 16
            await stage.until(lambda: len(transcript.query(Asked)) == shown)
            asked = [row._text for row in transcript.query(Asked)]
            assert asked == [f"number {number}" for number in range(250 - shown, 250)]
            assert transcript.answer == "Answer 249."

    play(run())


def test_a_session_that_is_not_there_is_one_clear_card(tmp_path):
    async def run():
        async with staged(tmp_path, CALCULATE, session="zzzzzz") as stage:
            await stage.sees("error", "there is no session 'zzzzzz'")

    play(run())


def test_a_database_of_a_newer_version_is_one_clear_card(tmp_path):
    store_sessions(tmp_path, ("water the garden", "Yes."))
    import sqlite3

    db = sqlite3.connect(make_home(tmp_path / "home").paths.sessions_db)
    db.execute(
        "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('alpha_umi', 'of_tomorrow', '')"
    )
    db.commit()
    db.close()

    async def run():
        async with staged(tmp_path, CALCULATE) as stage:
            await stage.ask("hello")
            await stage.sees("error", "was written by a newer umi")
            await stage.pilot.press("ctrl+s")
            await stage.until(lambda: isinstance(stage.app.screen, SessionsScreen))
            await stage.sees("was written by a newer umi")
            await stage.pilot.press("escape", "ctrl+n")
            await stage.ready()
            for command in ("/undo", "/retry", "/export", "/title x"):
                await stage.ask(command)
            assert stage.app.screen is stage.chat

    play(run())


def test_a_session_whose_workspace_is_gone_is_shown_with_a_card(tmp_path):
    store_sessions(tmp_path, ("water the garden", "Yes."))
    (tmp_path / "work").rmdir()

    async def run():
        app, engine = make_app(tmp_path, CALCULATE, session="latest", workspace=None)
        (tmp_path / "work").rmdir()
        async with app.run_test(size=(200, 24)) as pilot:
            stage = Stage(app, pilot, engine)
            await stage.ready()
            await stage.sees("you  water the garden", "error", "is not a folder")
            await stage.send("hello")
            await stage.until(lambda: stage.text.count("name an existing one with --workspace") == 2)

    play(run())


def test_a_turn_that_was_cut_off_is_shown_as_stopped(tmp_path):
    (session_id,) = store_sessions(tmp_path, ("water the garden", "Yes."))
    with SessionStore(make_home(tmp_path / "home").paths.sessions_db) as store:
        session = store.open(session_id)
        session.append(ev.TurnStarted(instruction="and then"))
        session.append(ev.AnswerDelta(text="I was just"))

    async def run():
        async with staged(tmp_path, CALCULATE, session="latest") as stage:
            await stage.sees("I was just", "stopped  umi ended before the turn did")

    play(run())
