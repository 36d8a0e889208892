import type { Capabilities } from '@crowfly/core';

/** What a list of endpoints can tell, whether it stands in code or in a file. */
export const STATIC_CAPABILITIES: Capabilities = Object.freeze({
  unknown: true,
  zones: true,
  weights: true,
  priorities: true,
  draining: true,
});
