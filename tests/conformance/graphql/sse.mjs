// Runs a client of GraphQL over server-sent events against the server at argv[2]; prints what it saw as one JSON object.
// argv[3]: an instance to pause and resume meanwhile.
import { createClient } from 'graphql-sse';

const [, , url, instanceId] = process.argv;
const client = createClient({ url, retryAttempts: 0 });
const within = (promise, what) =>
  Promise.race([
    promise,
    new Promise((_, refuse) => setTimeout(() => refuse(new Error(`${what}: nothing within 10 s`)), 10_000).unref()),
  ]);

async function post(query) {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  });
  return answer.json();
}

const live = `subscription ($ids: [ID!]) { live(input: { instanceIds: $ids }) { kind cursor instances { id desiredPhase } } }`;
const seen = {};

// One stream: the snapshot first, then every change; leaving it ends it.
const stream = client.iterate({ query: live, variables: { ids: [instanceId] } });
const first = await within(stream.next(), 'snapshot');
seen.first = first.value.data.live;
await post(`mutation { instancePause(input: { instanceId: "${instanceId}" }) { userErrors { code } } }`);
for (;;) {
  const { value } = await within(stream.next(), 'pause');
  const [changed] = value.data.live.instances;
  if (changed?.desiredPhase === 'PAUSED') break;
}
seen.paused = true;
await stream.return();

// Twenty at once, each with its own snapshot.
const many = Array.from({ length: 20 }, () => client.iterate({ query: live, variables: { ids: [instanceId] } }));
const snapshots = await within(Promise.all(many.map((each) => each.next())), 'twenty snapshots');
seen.snapshots = snapshots.map(({ value }) => value.data.live.kind);
await Promise.all(many.map((each) => each.return()));

// What cannot be executed comes as one result with errors, after which the stream is complete.
const results = [];
for await (const result of client.iterate({ query: 'subscription { nothing }' })) results.push(result);
seen.invalid = results.map(({ data, errors }) => ({ data: data ?? null, errors: errors.length }));

// A query over a stream is one result.
const answers = [];
for await (const result of client.iterate({ query: '{ __typename }' })) answers.push(result.data);
seen.query = answers;

// Single connection mode begins with PUT, which this server does not offer.
seen.put = (await fetch(url, { method: 'PUT' })).status;

client.dispose();
console.log(JSON.stringify(seen));
process.exit(0);
