// Writes src/api/schema.ts, the types of the REST interface, from the OpenAPI document. The document is what the build made
// (build/schemas/openapi.json, or the path in KONGSI_OPENAPI); without it, it is made here from the schemas with protoc.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import openapiTS, { astToString } from 'openapi-typescript';

const web = dirname(dirname(fileURLToPath(import.meta.url)));
const schemas = join(web, '..', 'schemas');
const out = join(web, 'src', 'api', 'schema.ts');

function protoFiles(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return protoFiles(path);
    return entry.name.endsWith('.proto') ? [path] : [];
  });
}

function makeDocument(folder) {
  const set = join(folder, 'kongsi.desc');
  const document = join(folder, 'openapi.json');
  execFileSync(
    'protoc',
    [
      `-I${schemas}`,
      '--include_imports',
      '--include_source_info',
      `--descriptor_set_out=${set}`,
      ...protoFiles(join(schemas, 'kongsi')),
    ],
    { stdio: 'inherit' },
  );
  execFileSync('/usr/bin/python3', [join(schemas, 'tools', 'openapi.py'), set, document], {
    stdio: 'inherit',
  });
  return document;
}

const built = process.env.KONGSI_OPENAPI ?? join(web, '..', 'build', 'schemas', 'openapi.json');
const folder = mkdtempSync(join(tmpdir(), 'kongsi-openapi-'));
try {
  const document = existsSync(built) ? built : makeDocument(folder);
  const types = astToString(await openapiTS(pathToFileURL(document)));
  writeFileSync(out, `// Made by npm run generate from the OpenAPI document. Do not edit.\n\n${types}`);
} finally {
  rmSync(folder, { recursive: true });
}
