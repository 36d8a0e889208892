// For every mocha run of the workspace. There is no `exit: true`: a run that does not end by itself has
// left something open, which is a bug to be found (reporter.cjs says what).
module.exports = {
  spec: require.resolve('./load.mjs'),
  timeout: 10_000,
  forbidOnly: Boolean(process.env.CI),
  reporter: require.resolve('./reporter.cjs'),
};
