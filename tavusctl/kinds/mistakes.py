"""What people write where a kind knows no such key: by pointer, what would be right.

Only what is known to be meant stands here.  A key whose value can stay as it is under another name is a spelling of
the kind, and is put right by `validate --fix`; all else is told in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_PARAMETERS: Final = (
    *("temperature", "top_p", "top_k", "min_p", "max_tokens", "max_completion_tokens", "frequency_penalty"),
    *("presence_penalty", "repetition_penalty", "stop", "seed", "logit_bias", "response_format", "tool_choice"),
    *("parallel_tool_calls", "reasoning_effort", "service_tier", "verbosity", "thinking"),
)
_PARAMETER: Final = "write it under layers.llm.extra_body:"
_CONVERSATION: Final = "it belongs to a conversation, and is given when one is started; remove it here"

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
    **dict.fromkeys(("/custom_greeting", "/first_message", "/firstMessage", "/welcome_message"), "write greeting"),
    **dict.fromkeys(
        ("/prompt", "/instructions", "/system", "/system_message", "/systemPrompt", "/persona_prompt"),
        "write system_prompt",
    ),
    "/layers/llm/provider": "the address in base_url says whose model it is; remove it",
    "/layers/llm/messages": "the prompt is system_prompt; remove it here",
    "/layers/stt/language": "the language belongs to a conversation; remove it here",
    "/layers/tts/language": "the language belongs to a conversation; remove it here",
    **{
        f"/layers/{tools}/*{inner}/{key}": "write parameters"
        for tools in ("llm/tools", "perception/perception_tools", "perception/visual_tools", "perception/audio_tools")
        for inner in ("", "/function")
        for key in ("input_schema", "inputSchema", "arguments", "args", "params")
    },
}
DOCUMENT: Final[Mapping[str, str]] = {
    **dict.fromkeys(("/crawl_depth", "/max_depth"), "write depth under crawl:"),
    **dict.fromkeys(("/crawl_pages", "/page_limit"), "write max_pages under crawl:"),
    "/crawl/every": "a schedule stands beside spec: recrawl: {every: 24h}",
    **dict.fromkeys(("/path", "/filename", "/file_name", "/file"), "write document_file"),
}
