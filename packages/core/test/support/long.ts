/** Whether the long runs are wanted: `CROWFLY_LONG=1`. */
const LONG = process.env.CROWFLY_LONG === '1';

/** A size for every day, and one for the long runs. */
export const size = (usual: number, long: number): number => (LONG ? long : usual);
