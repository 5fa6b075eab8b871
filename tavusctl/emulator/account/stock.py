"""The stock personas and replicas that Tavus puts into every account, with their public ids."""

from __future__ import annotations

from typing import NamedTuple

from tavusctl.emulator.http.messages import Object

CREATED_AT = "2025-02-03T21:00:15.502164Z"
UPDATED_AT = "2025-02-03T21:00:15.556551Z"


class StockPersona(NamedTuple):
    """One row of the table of stock personas."""

    id: str
    name: str
    replica_id: str


STOCK_PERSONAS = (
    StockPersona("pdced222244b", "Sales Coach", "rc2146c13e81"),
    StockPersona("p7fb0be3", "College Tutor", "ra54d1d861"),
    StockPersona("pc55154f229a", "History Teacher", "r6ae5b6efc9d"),
    StockPersona("p88964a7", "Corporate Trainer", "rfb51183fe"),
    StockPersona("pb8bb46b", "Business Coach", "ref226fe7e"),
    StockPersona("p5d11710002a", "Sales Agent", "r4317e64d25a"),
    StockPersona("pe13ed370726", "AI Interviewer", "r9d30b0e55ac"),
    StockPersona("pd43ffef", "Assistant", "rbb0f535dd"),
    StockPersona("p2fbd605", "Personal Assistant", "r4c41453d2"),
    StockPersona("p48fdf065d6b", "Tavus Researcher", "rf4703150052"),
    StockPersona("p9a95912", "Demo Persona", "r79e1c033f"),
    StockPersona("p3bb4745d4f9", "Storyteller", "r3fbe3834a3e"),
)
# Widely used replicas that no stock persona has.
OTHER_REPLICAS = ("rfe12d8b9597", "r95fd27b5a37", "r18e9aebdc33", "r7bc3db0d581", "rb17cf590e15", "r665388ec672")
STOCK_REPLICAS = tuple(persona.replica_id for persona in STOCK_PERSONAS) + OTHER_REPLICAS


def persona(row: StockPersona) -> Object:
    """The document of a stock persona, as an account would store it."""
    return {
        "persona_name": row.name,
        "pipeline_mode": "full",
        "system_prompt": f"You are the {row.name} that every account has.",
        "default_replica_id": row.replica_id,
        "layers": {
            "perception": {"perception_model": "raven-0"},
            "conversational_flow": {"turn_detection_model": "sparrow-1"},
        },
        "created_at": CREATED_AT,
        "updated_at": UPDATED_AT,
    }


def replica(ident: str) -> Object:
    """The document of a stock replica."""
    return {
        "replica_name": f"Stock {ident[1:5]}",
        "thumbnail_video_url": f"https://cdn.example.com/{ident}.mp4",
        "created_at": "2025-02-03T21:00:15.502Z",
        "updated_at": "2025-02-03T21:00:15.556Z",
        "status": "completed",
        "training_progress": "100/100",
        "error_message": None,
        "model_name": "phoenix-3",
    }
