export { type EnvironmentOptions, environment } from './environment/registry.js';
export type { FileFormat } from './file/document.js';
export { FILE_DEFAULTS, type FileOptions, file } from './file/registry.js';
export { type InlineEntry, type InlineService, inline } from './inline/registry.js';
