// Reads drawings, one JSON line each, and tells what Mermaid and Graphviz found in them.
import { createInterface } from "node:readline";
import DOMPurify from "dompurify";
import { instance } from "@viz-js/viz";

// There is no DOM here, and nothing is rendered: labels are compared as they were read.
DOMPurify.addHook = () => {};
DOMPurify.sanitize = (text) => text;
const { default: mermaid } = await import("mermaid");
const graphviz = await instance();

// The marks that Mermaid puts around the number of a character while it reads.
const decoded = (text) => (text ?? "").replace(/ﬂ°°(\d+)¶ß/g, (_, code) => String.fromCodePoint(Number(code)));

async function flowchart(text) {
  const { config } = await mermaid.parse(text);
  const { db } = await mermaid.mermaidAPI.getDiagramFromText(text);
  const nodes = [...db.getVertices().values()];
  return {
    config,
    nodes: nodes.map((node) => ({ id: node.id, label: decoded(node.text), classes: node.classes })),
    edges: db.getEdges().map((edge) => [edge.start, edge.end, decoded(edge.text)]),
    links: nodes.filter((node) => node.link || node.haveCallback).length,
    inside: db.getSubGraphs().length,
  };
}

for await (const line of createInterface({ input: process.stdin })) {
  const { mermaid: chart, dot } = JSON.parse(line);
  try {
    console.log(JSON.stringify({ mermaid: await flowchart(chart), dot: graphviz.renderString(dot, { format: "svg" }) }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error) }));
  }
}
