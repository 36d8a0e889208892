export {
  type CrowflyFetch,
  type CrowflyRequestInit,
  createFetch,
  FETCH_DEFAULTS,
  type FetchOptions,
} from './create-fetch.js';
