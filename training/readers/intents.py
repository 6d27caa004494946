"""Data sets of intents with slots: SNIPS and Schema-Guided Dialogue."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ...tools.spec import ToolSpec
from ...tools.values import compact_json
from .records import Made, Record, Row, Skip, attempts, document, rows
from .report import Notes
from .schemas import specification

_SNIPS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "AddToPlaylist": (
        ("add_to_playlist", "AddToPlaylist", "playlist_add"),
        ("Add music to a playlist.", "Put a song, an album or an artist on a playlist."),
    ),
    "BookRestaurant": (
        ("book_restaurant", "BookRestaurant", "reserve_table"),
        ("Book a table at a restaurant.", "Reserve a restaurant for a party."),
    ),
    "GetWeather": (
        ("get_weather", "GetWeather", "weather_forecast"),
        ("Get the weather of a place and a time.", "Check the weather forecast."),
    ),
    "PlayMusic": (("play_music", "PlayMusic", "music_player"), ("Play music.", "Play songs, albums or playlists.")),
    "RateBook": (
        ("rate_book", "RateBook", "give_rating"),
        ("Rate a book.", "Give a book or a series some points or stars."),
    ),
    "SearchCreativeWork": (
        ("search_creative_work", "SearchCreativeWork", "find_work"),
        ("Find a book, a film, a song or another work by its name.", "Search for a creative work."),
    ),
    "SearchScreeningEvent": (
        ("search_screening_event", "SearchScreeningEvent", "movie_schedule"),
        ("Find out when and where films are shown.", "Search the schedules of cinemas."),
    ),
}
_MOST_SLOTS = 8


def snips(folder: Path, rng: random.Random, notes: Notes) -> Iterator[Record]:
    """Spoken requests to a home assistant; slots are parameters, documents are written here in several ways."""
    known: dict[str, list[str]] = {name: [] for name in _SNIPS}
    found = list(rows(folder / "snips", "train.jsonl.gz", notes))
    for _, row in found:
        slots = known.get(row.get("intent", ""), [])
        slots += [slot for slot in row.get("slots", ()) if slot not in slots]
    yield from attempts(notes, found, partial(_snips_record, rng, known))


def _snips_record(
    rng: random.Random, known: Mapping[str, list[str]], name: str, row: Row, notes: Notes
) -> Iterator[Record]:
    if "Ã" in row["text"]:
        raise Skip("damaged letters")
    tool = _intent_tool(rng, row["intent"], known[row["intent"]], row["slots"])
    unlike = rng.sample([intent for intent in _SNIPS if intent != row["intent"]], rng.randint(0, 5))
    others = tuple(_intent_tool(rng, intent, known[intent], {}) for intent in unlike)
    made = Made(tool.name, row["slots"])
    yield Record(name, row["text"], (tool,), (made,), others, guesses=("tool documents",))


def _intent_tool(rng: random.Random, intent: str, slots: list[str], used: Mapping[str, Any]) -> ToolSpec:
    names, descriptions = _SNIPS[intent]
    extra = [slot for slot in slots if slot not in used]
    chosen = {*(slot for slot in used if slot in slots), *rng.sample(extra, min(len(extra), rng.randint(0, 3)))}
    ordered = [slot for slot in slots if slot in chosen][:_MOST_SLOTS]
    properties = {slot: {"type": "string", "description": slot.replace("_", " ")} for slot in ordered}
    return specification(rng.choice(names), rng.choice(descriptions), properties, (), Notes())


def sgd(folder: Path, rng: random.Random, notes: Notes) -> Iterator[Record]:
    """Service calls of dialogues whose arguments the user said since the call before; results and answers included.

    Each dialogue shows its services under one of six sets of names and descriptions. Where several results came back,
    the observation is their number and the one that the answer speaks of.
    """
    for part in ("train", "dev"):
        names = (f"schema_{part}.json.gz", *(f"schema_{part}_sgdx_v{number}.json.gz" for number in range(1, 6)))
        variants = [document(folder / "sgd", name) for name in names]
        shown = [_Services(variants[0], variant, notes) for variant in variants]
        for name, dialogue in rows(folder / "sgd", f"{part}.jsonl.gz", notes):
            yield from attempts(notes, _calls(name, dialogue, notes), partial(_service_call, rng.choice(shown), rng))


class _Services:
    """The services of a schema, shown under the names of one of its variants, which lists them in the same order."""

    def __init__(self, original: list[Any], shown: list[Any], notes: Notes) -> None:
        self.tools: dict[tuple[str, str], ToolSpec] = {}
        self.slots: dict[str, dict[str, str]] = {}
        for service, variant in zip(original, shown, strict=True):
            pairs = list(zip(service["slots"], variant["slots"], strict=True))
            self.slots[service["service_name"]] = {slot["name"]: other["name"] for slot, other in pairs}
            about = {other["name"]: other for _, other in pairs}
            for intent, other in zip(service["intents"], variant["intents"], strict=True):
                self.tools[service["service_name"], intent["name"]] = _service_tool(other, about, notes)

    def unlike(self, service: str, method: str) -> list[ToolSpec]:
        """Tools that neither bear the name of that one nor belong to a service of its kind."""
        kind, name = service.split("_")[0], self.tools[service, method].name
        return [tool for (other, _), tool in self.tools.items() if other.split("_")[0] != kind and tool.name != name]


def _service_tool(intent: Mapping[str, Any], slots: Mapping[str, Any], notes: Notes) -> ToolSpec:
    names = [*intent["required_slots"], *intent["optional_slots"]]
    properties = {
        name: {"type": "string", "description": slots[name]["description"], "enum": slots[name]["possible_values"]}
        for name in dict.fromkeys(names)
    }
    notes.guess("type of a parameter", len(properties))
    return specification(intent["name"], intent["description"], properties, intent["required_slots"], notes)


def _calls(name: str, dialogue: Row, notes: Notes) -> Iterator[tuple[str, Row]]:
    """The service calls of a dialogue, each with what the user said since the one before."""
    said: list[str] = []
    try:
        for number, turn in enumerate(dialogue["turns"]):
            if turn["s"] == "U":
                acts = {act[0] for frame in turn["f"] for act in frame.get("acts", ())}
                said += [turn["t"]] if any(act.startswith(("INFORM", "REQUEST")) for act in acts) else []
            elif frame := next((frame for frame in turn["f"] if "call" in frame), None):
                call = {"said": said, "answer": turn["t"], "frame": frame}
                yield f"{dialogue['id']}-{number}", call
                said = []
    except (LookupError, TypeError, AttributeError) as error:
        notes.skip(f"broken dialogue ({type(error).__name__})", name)


def _service_call(services: _Services, rng: random.Random, name: str, row: Row, notes: Notes) -> Iterator[Record]:
    frame = row["frame"]
    service, method = frame["svc"], frame["call"]["method"]
    slots = services.slots[service]
    arguments = {slots[slot]: value for slot, value in frame["call"]["parameters"].items() if value != "dontcare"}
    tool = services.tools[service, method]
    unlike = services.unlike(service, method)
    told = [value for _, _, values in frame["acts"] for value in values]
    result = next((row for row in frame["results"] if all(_is_in(value, row) for value in told)), None)
    observation, guesses = None, list[str]()
    if len(row["said"]) > 1:
        guesses.append("request joined from several messages")
    if result is not None:
        content = {slots[slot]: value for slot, value in result.items()}
        several = len(frame["results"]) > 1
        observation = compact_json({"count": len(frame["results"]), "first": content} if several else content)
        guesses += ["observation shortened to the result told"] if several else []
    others = tuple(rng.sample(unlike, min(5, len(unlike))))
    yield Record(
        name,
        " ".join(row["said"]),
        (tool,),
        (Made(tool.name, arguments, observation),),
        others,
        row["answer"] if observation else "",
        guesses=tuple(guesses),
    )


def _is_in(value: str, row: Mapping[str, str]) -> bool:
    return value in row.values() or value.isdigit()
