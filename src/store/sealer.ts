/** What the store needs to keep sensitive columns from whoever can read the database. */
export interface Sealer {
  /**
   * @param context where it stands, as `table.column:row id`: a sealed value can't be moved elsewhere
   */
  seal(text: string, context: string): string;
  /** @throws Error when it was changed, moved, or sealed by a key that is not there */
  open(sealed: string, context: string): string;
  /** A keyed hash to look a value up by; equal texts of one purpose have equal ones. */
  index(text: string, purpose: string): string;
}
