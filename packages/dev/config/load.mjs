// The one file that mocha loads: it imports the tests as ES modules. Left to itself mocha requires them, which turns
// them, and all that they import, into CommonJS on some versions of Node and not on others.
import { pathToFileURL } from 'node:url';

for (const file of JSON.parse(process.env.CROWFLY_TESTS ?? '[]')) await import(pathToFileURL(file).href);
