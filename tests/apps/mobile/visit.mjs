// One visit of a mobile site: a person picks a professional, joins the room, says something, leaves and is back.
// Usage: node visit.mjs IDS.json NAME, with TAVUS_API_KEY and, where it is not Tavus, TAVUS_BASE_URL.
import { readFile } from "node:fs/promises";

const [file, name] = process.argv.slice(2);
const { TAVUS_API_KEY: key, TAVUS_BASE_URL: base = "https://tavusapi.com" } = process.env;

async function asked(url, options) {
  const answer = await fetch(url, options);
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  return answer;
}

const replica = JSON.parse(await readFile(file, "utf-8"))[name];
const created = await asked(`${base}/v2/conversations`, {
  method: "POST",
  headers: { "x-api-key": key, "Content-Type": "application/json" },
  body: JSON.stringify({
    replica_id: replica,
    conversation_name: `Visit to ${name}`,
    conversational_context: "Somebody asks for an appointment.",
    custom_greeting: "Welcome! What can I do for you?",
    properties: { max_call_duration: 600, enable_recording: false },
  }),
});
const { conversation_id, conversation_url } = await created.json();
const room = await (await asked(conversation_url)).text();
await asked(`${conversation_url}/say`, { method: "POST", body: new URLSearchParams({ text: "Tomorrow at nine?" }) });
const after = await (await asked(`${conversation_url}/leave`, { method: "POST" })).text();
const greeted = room.includes("What can I do for you?");
console.log(JSON.stringify({ conversation_id, greeted, ended: after.includes("has ended") }));
