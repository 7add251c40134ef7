// Joins the API's schema files into the one file that gql.tada reads.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSchema, printSchema } from 'graphql';

const here = dirname(fileURLToPath(import.meta.url));
const source = join(here, '../../functions/graphql_api/graphql_api/schema');
const target = join(here, '../generated');

const files = readdirSync(source).filter((name) => name.endsWith('.graphql')).sort();
if (files.length === 0) throw new Error(`no *.graphql file in ${source}`);
const text = files.map((name) => readFileSync(join(source, name), 'utf8')).join('\n');
mkdirSync(target, { recursive: true });
writeFileSync(join(target, 'schema.graphql'), printSchema(buildSchema(text)));
