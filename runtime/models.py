"""From a trio's description to what runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..convert.trio import Trio
from .history import ROLES, Role
from .roles import Sampling
from .settings import EngineSettings

if TYPE_CHECKING:
    from .engine.llama import LlamaEngine, RoleModel


def sampling(trio: Trio) -> dict[Role, Sampling]:
    """How each role of the trio writes."""
    return {
        role: Sampling(trio.roles[role].max_tokens, trio.roles[role].temperature, trio.roles[role].seed)
        for role in ROLES
    }


def open_engine(trio: Trio, settings: EngineSettings) -> LlamaEngine:
    """llama.cpp on the trio's files; it loads in a process of its own while this returns."""
    from .engine import llama

    threads = None if settings.threads == "auto" else settings.threads
    return llama.LlamaEngine(role_models(trio, settings), llama.EngineSettings(settings.n_gpu_layers, threads))


def role_models(trio: Trio, settings: EngineSettings) -> dict[Role, RoleModel]:
    """The files of each role with the context that the settings or the trio give it."""
    from .engine.llama import RoleModel

    models = {}
    for role in ROLES:
        binding = trio.roles[role]
        context = binding.context if settings.context == "auto" else settings.context
        models[role] = RoleModel(binding.model, binding.adapter, context)
    return models
