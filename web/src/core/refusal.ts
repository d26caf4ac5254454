import type { Code } from "../protocol/messages";

/** A request was refused: `code` for programs, `message` for engineers. Screens translate the code. */
export class Refusal extends Error {
  constructor(
    readonly code: Code | "offline",
    why: string,
  ) {
    super(why);
    this.name = "Refusal";
  }
}
