"""The machine: processor, memory, disk, battery, operating system."""

from __future__ import annotations

import os
import platform
from datetime import timedelta
from typing import Literal

from ..context import ToolFailure, context
from ..decorator import tool
from .files import size_text


@tool(read=["$WORKSPACE"])
def system_info(topic: Literal["cpu", "memory", "disk", "battery", "os", "all"]) -> str:
    """State of this computer.

    topic: what to show
    """
    parts = {"cpu": _cpu, "memory": _memory, "disk": _disk, "battery": _battery, "os": _os}
    wanted = parts if topic == "all" else {topic: parts[topic]}
    try:
        return "\n".join(f"{name}: {part()}" for name, part in wanted.items())
    except (OSError, RuntimeError) as error:
        raise ToolFailure(f"the system does not tell: {error}") from error


def _cpu() -> str:
    import psutil

    return f"{psutil.cpu_count()} cores, {psutil.cpu_percent(interval=0.1):.0f}% used"


def _memory() -> str:
    import psutil

    memory = psutil.virtual_memory()
    return f"{size_text(memory.available)} free of {size_text(memory.total)}, {memory.percent:.0f}% used"


def _disk() -> str:
    import psutil

    disk = psutil.disk_usage(str(context().workspace))
    return f"{size_text(disk.free)} free of {size_text(disk.total)}, {disk.percent:.0f}% used"


def _battery() -> str:
    import psutil

    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    if battery is None:
        return "none"
    state = "charging" if battery.power_plugged else "not charging"
    left = f", {timedelta(seconds=battery.secsleft)} left" if battery.secsleft > 0 else ""
    return f"{battery.percent:.0f}%, {state}{left}"


def _os() -> str:
    return f"{platform.system()} {platform.release()} ({platform.machine()}), {os.cpu_count()} cores"
