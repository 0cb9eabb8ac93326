// Prints what a browser downloads: each file of dist/assets, plain and gzipped, and the sum of what the first page names.
import { readFileSync, readdirSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const dist = new URL('../dist/', import.meta.url);
const page = readFileSync(new URL('index.html', dist), 'utf8');
const kib = (bytes) => `${(bytes / 1024).toFixed(1)} KiB`.padStart(11);
let first = 0;
let all = 0;
for (const name of readdirSync(new URL('assets/', dist)).sort()) {
  const data = readFileSync(new URL(`assets/${name}`, dist));
  const zipped = gzipSync(data).length;
  all += zipped;
  if (page.includes(name)) first += zipped;
  if (data.length > 10240) console.log(`${kib(data.length)} ${kib(zipped)} gzip  ${name}`);
}
console.log(`first load ${kib(first)} gzip; everything ${kib(all)} gzip`);
