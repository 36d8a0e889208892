// For every mocha run of the workspace. There is no `exit: true`: a run that does not end by itself has
// left something open, which is a bug to be found (reporter.cjs says what).
const { pathToFileURL } = require('node:url');

module.exports = {
  'node-option': [`import=${pathToFileURL(require.resolve('tsx'))}`, 'enable-source-maps'],
  timeout: 10_000,
  forbidOnly: Boolean(process.env.CI),
  reporter: require.resolve('./reporter.cjs'),
};
