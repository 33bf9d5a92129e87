"""Ready-made probes.  Standard library and markers only."""

from __future__ import annotations

from kit.probes.capture import Capture
from kit.probes.recorder import Recorder, record

__all__ = ["Capture", "Recorder", "record"]
