from alpha_umi.runtime.history import Answer, Call, Plan, Result, User
from alpha_umi.training.announcing import announcing


def turn(*tools, statuses=()):
    said = [User("Do it.")]
    for tool, status in zip(tools, statuses or ["ok"] * len(tools), strict=True):
        said += [Plan(f"Use {tool}.", "caller"), Call(tool, "{}"), Result(status, "1")]
    return [*said, Plan("Done.", "conclusion"), Answer("It is 1.")]


def rationales(entries):
    return [entry.rationale for entry in entries if isinstance(entry, Plan)]


def test_a_plan_names_the_calls_that_come_after_it():
    told = announcing(turn("read_file", "calculate", "add_note"))
    assert rationales(told) == [
        "Use read_file. Then calculate, add_note.",
        "Use calculate. Then add_note.",
        "Use add_note.",
        "Done.",
    ]


def test_each_turn_is_announced_by_itself():
    entries = [*turn("now"), *turn("list_tasks", "add_task")]
    told = announcing(entries)
    assert rationales(told) == ["Use now.", "Done.", "Use list_tasks. Then add_task.", "Use add_task.", "Done."]
    assert [entry for entry in told if not isinstance(entry, Plan)] == [e for e in entries if not isinstance(e, Plan)]


def test_what_follows_a_failure_is_not_announced():
    entries = turn("read_file", "read_file", statuses=["error", "ok"])
    assert announcing(entries) == tuple(entries)


def test_a_turn_without_calls_stays_as_it_is():
    entries = (User("Hello"), Plan("No tool is needed.", "conclusion"), Answer("Hello!"))
    assert announcing(entries) == entries
