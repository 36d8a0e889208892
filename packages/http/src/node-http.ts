/**
 * Node's http module. Importing it by its name also evaluates what it exports on demand; since Node.js 22 that includes
 * `WebSocket`, and with it all of the undici that Node.js contains.
 */
export const http = process.getBuiltinModule('node:http');
