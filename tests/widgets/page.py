"""A page without a browser: comms that keep what was sent, and a view that applies it."""

from __future__ import annotations

import json
from typing import Any

from bokeh.core.serialization import Buffer, Serialized
from bokeh.document import Document
from comm.base_comm import BaseComm

from kit.widgets._pane.pane import Pane


class FakeComm(BaseComm):
    """Keeps what Python sends, in order; `send_up` is what the page sends."""

    def __init__(self, **arguments: Any) -> None:
        self.sent: list[tuple[str, dict[str, Any], list[Any]]] = []
        super().__init__(**arguments)

    def publish_msg(
        self,
        msg_type: str,
        data: Any = None,
        metadata: Any = None,
        buffers: Any = None,
        **keys: Any,
    ) -> None:
        self.sent.append((msg_type, data or {}, list(buffers or [])))

    def send_up(self, content: dict[str, Any]) -> None:
        data = {"method": "custom", "content": content}
        self.handle_msg({"content": {"data": data}, "buffers": []})

    def custom(self) -> list[tuple[dict[str, Any], list[Any]]]:
        """The custom messages, with their buffers."""
        return [
            (data["content"], buffers)
            for _, data, buffers in self.sent
            if data.get("method") == "custom"
        ]

    def patches(self) -> list[dict[str, Any]]:
        return [content for content, _ in self.custom() if content["type"] == "patch"]


class FakeView:
    """A view of a pane: what pane.js does, with Bokeh's own document in place of BokehJS."""

    def __init__(self, pane: Pane, name: str, *, from_state: bool = True) -> None:
        self.pane, self.name = pane, name
        self.comm: FakeComm = pane.comm
        self.events = 0
        if from_state:
            state = pane.get_state()
            self.load(state["_document"], state["_sequence"])
        else:
            self.ask()

    def load(self, document: str, number: int) -> None:
        self.document = Document.from_json(json.loads(document))
        self.number = number
        self.tell("joined", number=number, visible=True)

    def ask(self) -> None:
        """Ask for the document as it is now."""
        self.tell("document")
        [answer] = [c for c, _ in self.comm.custom()[-1:] if c["type"] == "document"]
        self.load(answer["content"], answer["number"])

    def tell(self, kind: str, **content: Any) -> None:
        self.comm.send_up({"type": kind, "view": self.name, **content})

    def catch_up(self, *, answer: bool = True) -> int:
        """Apply the patches that came since, and answer; return how many there were."""
        applied = 0
        for content, buffers in self.comm.custom():
            if content["type"] != "patch" or content["number"] <= self.number:
                continue
            assert content["number"] == self.number + 1, "a patch was lost on the way"
            self.number += 1
            applied += 1
            if content["origin"] != self.name:
                patch = json.loads(content["content"])
                held = [Buffer(i, b) for i, b in zip(content["ids"], buffers, strict=True)]
                self.document.apply_json_patch(Serialized(patch, held))
        if answer:
            self.tell("painted", number=self.number)
        return applied

    def do(self, *events: dict[str, Any], number: int | None = None) -> None:
        """Send what a reader does."""
        self.events = self.events + 1 if number is None else number
        self.tell("patch", number=self.events, events=list(events))

    def model(self, name: str) -> Any:
        return self.document.get_model_by_name(name)


def changed(model: Any, attr: str, new: Any) -> dict[str, Any]:
    """Describe a change of a property, as BokehJS does."""
    return {"kind": "ModelChanged", "model": model.ref, "attr": attr, "new": new}


def happened(name: str, model: Any, **values: Any) -> dict[str, Any]:
    """Describe an event, as BokehJS does."""
    entries = [["model", model.ref], *([key, value] for key, value in values.items())]
    return {
        "kind": "MessageSent",
        "msg_type": "bokeh_event",
        "msg_data": {"type": "event", "name": name, "values": {"type": "map", "entries": entries}},
    }
