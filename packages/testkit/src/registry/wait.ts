const POLL_MS = 3;

/** Lets real time pass: only for windows in which nothing may happen, and to let real I/O breathe under a virtual clock. */
export function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until `holds`, at most `boundMs`. @returns whether it does */
export async function until(holds: () => boolean, boundMs: number): Promise<boolean> {
  const end = performance.now() + boundMs;
  while (!holds()) {
    if (performance.now() >= end) return false;
    await pass(POLL_MS);
  }
  return true;
}
