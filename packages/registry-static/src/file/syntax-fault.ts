/** The first thing in a text that cannot be read. */
export class SyntaxFault extends Error {
  /** In UTF-16 units from the start. */
  readonly offset: number;

  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}
