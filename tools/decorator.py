"""`@tool`: a typed, documented Python function becomes a tool that models can call."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticUserError

from ..errors import ToolSpecError
from .parameters import parameters_schema
from .spec import Approval, Capabilities, ToolSpec
from .values import compact_json

_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")
_PARAMETER_LINE = re.compile(r"^(\w+):\s*(\S.*)$")


class ArgumentsError(ValueError):
    """Arguments that the tool's schema does not allow; its sentence names each fault."""


@dataclass(frozen=True, eq=False)
class Tool:
    """A function with the specification that was read from its signature and docstring."""

    spec: ToolSpec
    function: Callable[..., Any]
    _model: type[BaseModel] = field(repr=False)

    def validate(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Keyword arguments for the function, defaults filled in; raises ArgumentsError.

        Strict: unknown keys and wrong types are refused; only an integer may stand for a float.
        """
        empty = [name for name, value in arguments.items() if value is None and self._is_optional(name)]
        if empty:
            raise ArgumentsError(f"leave out `{empty[0]}` instead of giving null")
        try:
            found = self._model.model_validate_json(compact_json(arguments), strict=True, extra="forbid")
        except ValidationError as error:
            raise ArgumentsError(_sentence(error, list(self.spec.parameters["properties"]))) from None
        except (ValueError, TypeError, RecursionError) as error:
            raise ArgumentsError(f"the arguments are not JSON: {error}") from None
        return {info.alias or name: getattr(found, name) for name, info in self._model.model_fields.items()}

    def _is_optional(self, name: str) -> bool:
        known = name in self.spec.parameters["properties"]
        return known and name not in self.spec.parameters.get("required", ())


@overload
def tool(function: Callable[..., Any], /) -> Tool: ...


@overload
def tool(
    *,
    read: Sequence[str] = (),
    write: Sequence[str] = (),
    exec: bool = False,
    approval: Approval = "auto",
    grounded: Sequence[str] = (),
) -> Callable[[Callable[..., Any]], Tool]: ...


def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    read: Sequence[str] = (),
    write: Sequence[str] = (),
    exec: bool = False,
    approval: Approval = "auto",
    grounded: Sequence[str] = (),
) -> Tool | Callable[[Callable[..., Any]], Tool]:
    """Make a tool of a function whose parameters are annotated and documented.

    The first paragraph of the docstring is the description, then a line `name: text` describes each parameter.
    read, write, exec: what the tool may touch, see Capabilities. approval: whether the user is asked before each
    call. grounded: string parameters whose value must occur in the conversation.
    Raises ToolSpecError for a function that cannot be offered.
    """

    def decorate(target: Callable[..., Any]) -> Tool:
        capabilities = Capabilities(read=tuple(read), write=tuple(write), exec=exec)
        return _make(target, capabilities, approval, tuple(grounded))

    return decorate if function is None else decorate(function)


def _make(
    function: Callable[..., Any], capabilities: Capabilities, approval: Approval, grounded: tuple[str, ...]
) -> Tool:
    name = function.__name__
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise ToolSpecError(f"the tool `{name}` must be a plain function, not a coroutine or generator")
    description, documented = _read_docstring(name, inspect.getdoc(function) or "")
    model = _arguments_model(function, documented)
    try:
        spec = ToolSpec(
            name=name,
            description=description,
            parameters=parameters_schema(name, model),
            capabilities=capabilities,
            approval=approval,
            grounded=grounded,
        )
    except ValidationError as error:
        fault = error.errors()[0]
        raise ToolSpecError(f"the tool `{name}` cannot be offered: its {fault['loc'][0]}: {fault['msg']}") from None
    return Tool(spec, function, model)


def _read_docstring(name: str, text: str) -> tuple[str, dict[str, str]]:
    """The description, and the text of each documented parameter (continuation lines joined)."""
    first, _, rest = text.partition("\n\n")
    description = " ".join(first.split())
    if not description:
        raise ToolSpecError(f"the tool `{name}` needs a docstring whose first paragraph says what it does")
    documented: dict[str, str] = {}
    current = ""
    for line in rest.splitlines():
        if match := _PARAMETER_LINE.match(line):
            current = match[1]
            documented[current] = match[2].strip()
        elif not line.strip():
            current = ""
        elif current:
            documented[current] += " " + line.strip()
    return description, documented


def _arguments_model(function: Callable[..., Any], documented: dict[str, str]) -> type[BaseModel]:
    """A model of the parameters; its fields have neutral names, since a parameter may be called `copy` or `json`."""
    name, fields = function.__name__, {}
    hints = _hints(function)
    parameters = inspect.signature(function).parameters
    for index, parameter in enumerate(parameters.values()):
        label = f"parameter `{parameter.name}` of the tool `{name}`"
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ToolSpecError(f"{label} must be an ordinary named parameter (no *args, **kwargs or `/`)")
        if parameter.name not in hints:
            raise ToolSpecError(f"{label} needs a type annotation")
        if parameter.name not in documented:
            raise ToolSpecError(f"{label} needs a line `{parameter.name}: ...` in the docstring")
        default = ... if parameter.default is parameter.empty else parameter.default
        about = Field(default, alias=parameter.name, description=documented[parameter.name])
        fields[f"field_{index}"] = (hints[parameter.name], about)
    if unknown := [key for key in documented if key not in parameters]:
        raise ToolSpecError(f"the docstring of the tool `{name}` describes `{unknown[0]}`, which is no parameter of it")
    try:
        return create_model("Arguments", __config__=ConfigDict(extra="forbid", strict=True), **fields)  # type: ignore[call-overload, no-any-return]
    except (PydanticUserError, TypeError) as error:
        raise ToolSpecError(
            f"the tool `{name}` has a parameter whose type has no JSON form: {_first_line(error)}"
        ) from None


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        raise ToolSpecError(f"an annotation of the tool `{function.__name__}` cannot be resolved: {error}") from None


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


def _sentence(error: ValidationError, known: list[str]) -> str:
    return "; ".join(
        _fault(dict(detail), known) for detail in error.errors(include_url=False, include_context=False)[:5]
    )


def _fault(detail: dict[str, Any], known: list[str]) -> str:
    place = ".".join(str(part) for part in detail["loc"])
    if detail["type"] == "missing":
        return f"`{place}` is missing"
    if detail["type"] in _UNKNOWN and len(detail["loc"]) > 1:
        return f"`{place}` is not allowed"
    if detail["type"] in _UNKNOWN:
        offer = f"the parameters are {', '.join(known)}" if known else "there are no parameters"
        return f"`{place}` is not a parameter; {offer}"
    _, should, rest = detail["msg"].partition(" should ")
    message = f"must {rest}" if should else detail["msg"]
    return f"`{place}` {message}" if place else f"the arguments {message}"
