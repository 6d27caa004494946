"""What servers differ in: how a constraint is asked for, and how tokens are counted.

Every one of them takes `POST /chat/completions` and `POST /completions` with `stream`, as OpenAI describes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...settings import Api, Constraint
from ..api import Structure
from .wire import Json, Wire

UNKNOWN_CONTEXT = 4096
_BYTES_PER_TOKEN = 3


@dataclass(frozen=True, slots=True)
class Server:
    """One server as a role sees it.

    url: base of the OpenAI paths, usually ending in /v1. model: a name that the server knows; empty for its first one.
    api: what kind of server it is. constraint: what it is sent, a JSON schema or the Lark grammar itself. chat:
    whether prompts are user messages of the server's own chat template. context: tokens; None asks the server.
    """

    url: str
    model: str = ""
    api: Api = "openai"
    constraint: Constraint = "schema"
    key: str = ""
    chat: bool = True
    context: int | None = None

    @property
    def root(self) -> str:
        return self.url.rstrip("/").removesuffix("/v1")

    @property
    def completions(self) -> str:
        return self.url.rstrip("/") + ("/chat/completions" if self.chat else "/completions")

    def limits_to(self, grammar: str, structure: Structure | None) -> Json:
        """The fields of a request that make the server keep to the grammar or to the schema of its structure.

        A grammar without a structure is kept to by nobody but the check of what comes back.
        """
        if self.constraint == "grammar":
            return _GRAMMARS[self.api](grammar)
        if structure is None:
            return {}
        if self.api == "llama-cpp-python":
            return {"response_format": {"type": "json_object", "schema": structure.schema}}
        schema = {"name": "output", "strict": True, "schema": structure.schema}
        return {"response_format": {"type": "json_schema", "json_schema": schema}}

    def count(self, wire: Wire, text: str) -> int:
        """Tokens of a text, exact where the server counts them, else what three bytes to a token make."""
        match self.api:
            case "llama-server":
                return len(wire.post(f"{self.root}/tokenize", self.key, {"content": text})["tokens"])
            case "vllm":
                body = {"model": self.model, "prompt": text}
                return int(wire.post(f"{self.root}/tokenize", self.key, body)["count"])
            case "llama-cpp-python":
                return int(wire.post(f"{self.root}/extras/tokenize/count", self.key, {"input": text})["count"])
        return -(-len(text.encode()) // _BYTES_PER_TOKEN)

    def ask_context(self, wire: Wire) -> int:
        """Tokens of the context, as far as the server tells."""
        match self.api:
            case "llama-server":
                return int(wire.get(f"{self.root}/props", self.key)["default_generation_settings"]["n_ctx"])
            case "vllm":
                return int(self.listed(wire)[0]["max_model_len"])
        return UNKNOWN_CONTEXT

    def listed(self, wire: Wire) -> list[Mapping[str, Any]]:
        """The models that the server offers, this one first."""
        models: list[Mapping[str, Any]] = wire.get(f"{self.url.rstrip('/')}/models", self.key)["data"]
        return sorted(models, key=lambda model: model["id"] != self.model)


def _llama_server(grammar: str) -> Json:
    """For a llama-server built with LLAMA_LLGUIDANCE (llama.cpp, docs/llguidance.md)."""
    return {"grammar": f"%llguidance {{}}\n{grammar}"}


def _vllm(grammar: str) -> Json:
    """For vLLM with its backend `guidance` (docs.vllm.ai, structured outputs)."""
    return {"structured_outputs": {"grammar": grammar}, "skip_special_tokens": False}


_GRAMMARS = {"llama-server": _llama_server, "vllm": _vllm}

TAKES_GRAMMARS = tuple(_GRAMMARS)
"""The kinds of servers that can be sent a grammar."""
