// Prints one JSON object per audit of GraphQL over HTTP against the server at argv[2]; exits with 1 when any is not ok.
import { auditServer } from 'graphql-http';

const results = await auditServer({ url: process.argv[2] });
for (const { id, name, status, reason } of results) {
  console.log(JSON.stringify({ id, name, status, reason: reason ?? null }));
}
process.exit(results.every(({ status }) => status === 'ok') ? 0 : 1);
