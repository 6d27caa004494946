"""What invented tools give back, and the answers that say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...runtime.history import Result
from ...tools.spec import Status
from ...tools.values import compact_json
from . import values
from .requests import listed
from .source import Source, capital, plural
from .tools import Tool

_VALUE_OF = (
    (("email address",), "email"), (("phone number",), "phone"), (("address",), "address"),
    (("time", "window"), "clock"), (("date", "birthday"), "day"),
    (("number", "id", "password", "passphrase", "captcha", "code", "platform", "bin", "iban"), "code"),
    (("location", "position"), "city"), (("name", "scorer", "winner", "owner"), "person"),
    (("status", "state", "stage", "colour", "card", "title", "route", "warning"), "words"),
    (("score", "count", "points", "attendance", "stock", "dice", "quantity", "size", "ranking"), "count"),
)  # fmt: skip
_UNITS = ("km", "°C", "%", "euros", "mm", "kg", "hours", "points", "m/s", "V", "USD", "litres", "hPa", "minutes")


@dataclass(frozen=True, slots=True)
class Outcome:
    """A result and the answer that tells it; `carried` is the value that another call may need."""

    result: Result
    answer: str
    carried: str = ""


def outcome(source: Source, tool: Tool, phrases: Mapping[str, str]) -> Outcome:
    """What a call that went well gives."""
    return {"act": _acted, "measure": _measured, "list": _found, "transform": _transformed}[tool.shape](
        source, tool, phrases
    )


def measured(source: Source, tool: Tool, value: values.Value, about: str) -> Outcome:
    """The outcome of finding out that value; `about` is a phrase such as "in Oslo" or empty."""
    label = tool.noun.replace(" ", "_").replace("-", "_").lower()
    unit = f" {source.pick(_UNITS)}" if isinstance(value, int | float) and source.chance(0.4) else ""
    told = f"The {' '.join((tool.noun, about)).strip()} is {value}{unit}."
    form = source.between(0, 5)
    if form <= 1:
        content = f"{value}{unit}"
    elif form == 2:
        content = compact_json({source.pick((label, "value", "result")): f"{value}{unit}" if unit else value})
    elif form == 3:
        fields = [(label, value), *([("unit", unit.strip())] if unit else []), *_noise(source)]
        source.rng.shuffle(fields)
        content = compact_json(dict(fields))
    else:
        content = source.pick((told, f"{capital(tool.noun)}: {value}{unit}", f"{tool.noun} = {value}{unit}"))
    return Outcome(Result("ok", content), told, str(value))


def failed(source: Source, tool: Tool, said: str) -> Outcome:
    """A call that did not work, for a reason that no other call can mend."""
    status: Status = source.pick(("error", "error", "error", "error", "denied", "timeout", "killed"))
    if status == "denied":
        return Outcome(
            Result(status, "the user refused this call"),
            f"You refused the call, so I did not {tool.deed}.",
            "The call was refused, so say so.",
        )
    if status == "timeout":
        seconds = source.pick((5, 10, 20, 30, 60, 120))
        return Outcome(
            Result(status, f"the tool was stopped after {seconds} s"),
            f"I could not {tool.deed}: the tool was stopped after {seconds} s.",
            "The call took too long, so say so.",
        )
    if status == "killed":
        text = source.pick(("the tool used too much memory", "the tool crashed", "the output was too large"))
        return Outcome(Result(status, text), f"I could not {tool.deed}: {text}.", "The call failed, so say so.")
    message = source.pick(
        (
            f"no {tool.noun} found", f"{said} is not known", f"{said} not found", "the service is not reachable",
            f"nothing found for {said}", "not enough money on the account",
            f"the {tool.noun} is not available", f"no entry for {said}", f"error {source.between(400, 599)}",
            "no connection", f"access to {said} is not allowed",
            f"{tool.name} is closed until {values.make(source, 'day')}",
            f"all taken, next free on {values.make(source, 'day')}", f"limit of {source.between(1, 500)} reached",
            f"{said} is out of range", f"{said} was already {tool.past}", f"unknown value {said}",
        )
    )  # fmt: skip
    return Outcome(Result(status, message), f"I could not {tool.deed}: {message}.", "The call failed, so say so.")


def ended(text: str) -> str:
    """The text with a full stop, unless it has a sign at its end."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _acted(source: Source, tool: Tool, _phrases: Mapping[str, str]) -> Outcome:
    code = str(values.make(source, "code"))
    done = f"The {tool.noun} is {tool.past}"
    form = source.between(0, 6)
    if form <= 1:
        return Outcome(
            Result("ok", source.pick(("ok", "done", "true", "success", tool.past, '{"ok":true}', '{"status":"ok"}'))),
            f"Done, the {tool.noun} is {tool.past}.",
            code,
        )
    if form == 2:
        return Outcome(Result("ok", code), f"{done}, the number is {code}.", code)
    if form == 3:
        key = source.pick(("id", "reference", "number", "code", "confirmation"))
        fields = [(key, code), ("status", source.pick(("ok", "confirmed", "done", tool.past))), *_noise(source)]
        source.rng.shuffle(fields)
        return Outcome(Result("ok", compact_json(dict(fields))), f"{done}, the {key} is {code}.", code)
    if form == 4:
        text = str(values.make(source, "sentence"))
        return Outcome(
            Result("ok", compact_json({source.pick(("message", "info", "note")): text})), f"{done}: {ended(text)}", code
        )
    text = source.pick(
        (
            f"{capital(tool.noun)} {code} {tool.past}",
            f"{capital(tool.past)} {tool.noun} {code}",
            f"{code} {tool.past}",
            f"{tool.past}: {code}",
        )
    )
    return Outcome(Result("ok", text), f"{done}, the number is {code}.", code)


def _measured(source: Source, tool: Tool, phrases: Mapping[str, str]) -> Outcome:
    words = tool.noun.split()
    kind = next((kind for ends, kind in _VALUE_OF if tool.noun in ends or words[-1] in ends), "")
    about = (
        " ".join(text for name, text in phrases.items() if name in tool.keys and not text.startswith(("(", ":")))
        if source.chance(0.8)
        else ""
    )
    return measured(
        source, tool, values.make(source, kind or source.pick(("decimal", "degrees", "integer", "count"))), about
    )


def _found(source: Source, tool: Tool, phrases: Mapping[str, str]) -> Outcome:
    names = [
        str(values.make(source, source.pick(("title", "title", "venue", "person", "city"))))
        for _ in range(source.pick((0, 1, 2, 2, 3, 3, 4)))
    ]
    names = list(dict.fromkeys(names))
    if not names:
        about = " ".join(text for name, text in phrases.items() if name in tool.keys)
        return Outcome(
            Result("ok", source.pick(("[]", "nothing found", "0 results", '{"results":[]}'))),
            f"I found no {plural(tool.noun)} {about}".rstrip() + ".",
        )
    told = f"I found {f'{len(names)} {plural(tool.noun)}' if len(names) > 1 else f'one {tool.noun}'}: "
    form = source.between(0, 3)
    if form == 0:
        return Outcome(Result("ok", compact_json(names)), f"{told}{listed(names)}.", names[0])
    if form == 1:
        return Outcome(Result("ok", "\n".join(names)), f"{told}{listed(names)}.", names[0])
    field = source.pick(("price", "rating", "distance", "year", "pages", "score"))
    rows = [
        (name, values.make(source, "year" if field == "year" else source.pick(("price", "count")))) for name in names
    ]
    content = (
        compact_json([{"name": name, field: number} for name, number in rows])
        if form == 2
        else "\n".join(f"{name}, {field} {number}" for name, number in rows)
    )
    return Outcome(
        Result("ok", content), f"{told}{listed([f'{name} ({field} {number})' for name, number in rows])}.", names[0]
    )


def _transformed(source: Source, _tool: Tool, _phrases: Mapping[str, str]) -> Outcome:
    text = source.pick(
        (str(values.make(source, "sentence")), " ".join(source.syllables() for _ in range(source.between(1, 6))))
    )
    content = text if source.chance(0.6) else compact_json({source.pick(("result", "text", "output")): text})
    return Outcome(Result("ok", content), f"Here is the result: {text}", text)


def _noise(source: Source) -> list[tuple[str, values.Value]]:
    makers = (
        ("updated", "clock"),
        ("source", "word"),
        ("by", "given"),
        ("checked", "day"),
        ("page", "small"),
        ("request", "code"),
    )
    return [(name, values.make(source, kind)) for name, kind in source.rng.sample(makers, source.pick((0, 0, 1, 2)))]
