// The TypeScript SDK's client, which speaks 2025-11-25 by default and 2026-07-28 when asked to negotiate.

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';

const SAID = 'Zürich ☂ "quoted"\nsecond line';
const server = JSON.parse(process.argv[2]);
const options = process.argv[3] === 'modern' ? { versionNegotiation: { mode: 'auto' } } : {};

const client = new Client({ name: 'recollect-tests', version: '0' }, options);
await client.connect(
  server.url ? new StreamableHTTPClientTransport(new URL(server.url)) : new StdioClientTransport(server)
);

async function call(name, args) {
  const result = await client.callTool({ name, arguments: args });
  const text = result.content.map((block) => block.text).join('');
  if (result.isError) throw new Error(text);
  return text;
}

const tools = (await client.listTools()).tools.map((tool) => tool.name);
const conversation = JSON.parse(await call('create_conversation', { title: 'From TypeScript' })).conversation_id;
await call('append_message', { conversation_id: conversation, role: 'user', content: SAID });
const loaded = await call('load_context', { conversation_id: conversation });
await client.close();
console.log(JSON.stringify({ tools, conversation_id: conversation, loaded }));
