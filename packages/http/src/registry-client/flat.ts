/** Of several values with one name, one text; without HTTP/2's own. */
export function flat(
  headers: Readonly<Record<string, string | readonly string[] | number | undefined>>,
): Readonly<Record<string, string>> {
  const result: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || name.startsWith(':')) continue;
    result[name] = Array.isArray(value) ? value.join(', ') : String(value);
  }
  return Object.freeze(result);
}
