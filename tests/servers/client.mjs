// The TypeScript SDK's client, which shares no code with ours, against `cuga mcp serve` or its HTTP address.
// node client.mjs SDK_DIRECTORY URL|COMMAND [ARGUMENTS...]; a bearer token for a URL comes in TOKEN.
import { pathToFileURL } from "node:url";

const [sdk, target, ...words] = process.argv.slice(2);
const load = (path) => import(pathToFileURL(`${sdk}/dist/esm/client/${path}.js`).href);
const { Client } = await load("index");
let transport;
if (target.startsWith("http")) {
  const { StreamableHTTPClientTransport } = await load("streamableHttp");
  const headers = process.env.TOKEN ? { Authorization: `Bearer ${process.env.TOKEN}` } : {};
  transport = new StreamableHTTPClientTransport(new URL(target), { requestInit: { headers } });
} else {
  const { StdioClientTransport } = await load("stdio");
  transport = new StdioClientTransport({ command: target, args: words, env: process.env });
}
const client = new Client({ name: "third-party", version: "1.0.0" });
await client.connect(transport);
const { tools } = await client.listTools();
const begun = await client.callTool({ name: "submit_run", arguments: { goal: "Score Velkarin Foods", profile: "smb" } });
const run = begun.structuredContent.run_id;
const shown = await client.callTool({ name: "get_run", arguments: { run_id: run } });
const trace = await client.readResource({ uri: `cuga://runs/${run}/trace` });
const refused = await client.callTool({ name: "approve", arguments: { approval_id: "x" } });
console.log(JSON.stringify({
  server: client.getServerVersion(),
  tools: tools.map((tool) => tool.name),
  run,
  status: shown.structuredContent.status,
  trace: JSON.parse(trace.contents[0].text).run_id,
  refused: refused.isError,
}));
await client.close();
