// A page that holds a conversation by itself.  Settings come from `.env`; without a key it shows what it would use.
const env = import.meta.env;
const base = env.VITE_TAVUS_BASE_URL ?? "https://tavusapi.com";
const at = (selector) => document.querySelector(selector);
const tell = (text) => {
  at("[role=status]").textContent = text;
};
let conversation;

async function call(method, path, body) {
  const headers = { "x-api-key": env.VITE_TAVUS_API_KEY, "Content-Type": "application/json" };
  const answer = await fetch(base + path, { method, headers, body: body && JSON.stringify(body) });
  const text = await answer.text();
  const said = text ? JSON.parse(text) : {};
  if (!answer.ok) throw new Error(`${answer.status}: ${said.error ?? said.message}`);
  return said;
}

async function verify() {
  const persona = await call("GET", `/v2/personas/${env.VITE_TAVUS_PERSONA_ID}`);
  at("#persona").textContent = persona.persona_name;
  at("#start").disabled = false;
  tell("ready");
}

async function start() {
  conversation = await call("POST", "/v2/conversations", {
    conversation_name: `page_alone_${env.VITE_SESSION}`,
    persona_id: env.VITE_TAVUS_PERSONA_ID,
    replica_id: env.VITE_TAVUS_REPLICA_ID,
    callback_url: "https://app.example.com/api/tavus/callback",
    properties: {
      max_call_duration: 300,
      participant_left_timeout: 60,
      participant_absent_timeout: 120,
      enable_recording: true,
      enable_transcription: true,
      language: "English",
    },
  });
  at("#room").src = conversation.conversation_url;
  at("#end").disabled = false;
  tell(conversation.status);
}

async function end() {
  await call("POST", `/v2/conversations/${conversation.conversation_id}/end`);
  const now = await call("GET", `/v2/conversations/${conversation.conversation_id}`);
  at("#room").src = "about:blank";
  tell(now.status);
}

const safely = (deed) => () => deed().catch((error) => tell(error.message));

at("#ids").textContent = `${env.VITE_TAVUS_PERSONA_ID} ${env.VITE_TAVUS_REPLICA_ID}`;
at("#start").addEventListener("click", safely(start));
at("#end").addEventListener("click", safely(end));
if (env.VITE_TAVUS_API_KEY) safely(verify)();
else tell("mock");
