"""Hints for keys that people write by mistake, by JSON Pointer of the unknown key.

Only keys whose meaning is clear are listed.  A key that only has the wrong name belongs to the `key_aliases`
of the kind instead, which `validate --fix` renames.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_PARAMETERS: Final = (
    *("temperature", "top_p", "top_k", "min_p", "max_tokens", "max_completion_tokens", "frequency_penalty"),
    *("presence_penalty", "repetition_penalty", "stop", "seed", "logit_bias", "response_format", "tool_choice"),
    *("parallel_tool_calls", "reasoning_effort", "service_tier", "verbosity", "thinking"),
)
_PARAMETER: Final = "write it under `layers.llm.extra_body:`"
_CONVERSATION: Final = "remove it: it is a setting of a conversation, passed when the conversation starts"

PERSONA: Final[Mapping[str, str]] = {
    **{f"{above}/{key}": _PARAMETER for key in _PARAMETERS for above in ("", "/layers", "/layers/llm")},
    **dict.fromkeys(
        (
            *("/conversation_name", "/conversational_context", "/max_call_duration", "/participant_left_timeout"),
            *("/participant_absent_timeout", "/enable_recording", "/enable_closed_captions", "/apply_greenscreen"),
            *("/memory_stores", "/test_mode", "/audio_only", "/require_auth", "/recording_s3_bucket_name"),
            *("/callback_url", "/properties", "/conversation_id", "/conversation_url"),
        ),
        _CONVERSATION,
    ),
    **dict.fromkeys(("/custom_greeting", "/first_message", "/firstMessage", "/welcome_message"), "write `greeting`"),
    **dict.fromkeys(
        ("/prompt", "/instructions", "/system", "/system_message", "/systemPrompt", "/persona_prompt"),
        "write `system_prompt`",
    ),
    "/layers/llm/provider": "remove it: `base_url` determines the provider of the model",
    "/layers/llm/messages": "remove it: the prompt is `system_prompt`",
    "/layers/stt/language": "remove it: the language is a setting of a conversation",
    "/layers/tts/language": "remove it: the language is a setting of a conversation",
    **{
        f"/layers/{tools}/*{inner}/{key}": "write `parameters`"
        for tools in ("llm/tools", "perception/perception_tools", "perception/visual_tools", "perception/audio_tools")
        for inner in ("", "/function")
        for key in ("input_schema", "inputSchema", "arguments", "args", "params")
    },
}
DOCUMENT: Final[Mapping[str, str]] = {
    **dict.fromkeys(("/crawl_depth", "/max_depth"), "write `depth` under `crawl:`"),
    **dict.fromkeys(("/crawl_pages", "/page_limit"), "write `max_pages` under `crawl:`"),
    "/crawl/every": "write the schedule beside `spec:`, as `recrawl: {every: 24h}`",
    **dict.fromkeys(("/path", "/filename", "/file_name", "/file"), "write `document_file`"),
}
