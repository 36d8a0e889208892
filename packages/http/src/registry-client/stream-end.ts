import { type ClientHttp2Stream, constants } from 'node:http2';

/**
 * Whether the server itself ended the body. To a reader a stream ends in the same way when it, or its connection, is
 * closed without an error code in the middle of the body: Node.js then pushes the end itself, once `closed` is set.
 */
export function watchEnd(stream: ClientHttp2Stream): () => boolean {
  let pushes = 0;
  let ended = false;
  const push = stream.push;
  stream.push = (chunk, encoding) => {
    pushes++;
    if (chunk === null && !stream.closed) ended = true;
    return push.call(stream, chunk, encoding);
  };
  // A Node.js that does not push to its streams would make every answer look broken.
  return () => ended || (pushes === 0 && stream.rstCode === constants.NGHTTP2_NO_ERROR);
}
