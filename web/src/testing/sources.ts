/** The project's own files, as text. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const HERE = join(import.meta.dirname, "..");

/** Returns what stands in the files of these rooms, by file; tests aside. */
export function sources(...rooms: readonly string[]): ReadonlyMap<string, string> {
  const files = rooms.flatMap((room) => readdirSync(join(HERE, room)).map((file) => join(room, file)));
  return new Map(files.filter((file) => !file.includes(".test.")).map((file) => [file, readFileSync(join(HERE, file), "utf8")]));
}
