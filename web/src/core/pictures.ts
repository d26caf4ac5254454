/** Pictures in the chat: made small before they are sent, which also removes where and with what they were taken. */
import { Refusal } from "./refusal";
import type { Code } from "../protocol/messages";

const LONGEST_EDGE = 1_600;
const QUALITY = 0.82;

export class Pictures {
  readonly #pass: () => string | undefined;
  readonly #known = new Map<string, Promise<string>>();

  constructor(pass: () => string | undefined) {
    this.#pass = pass;
  }

  /** Uploads a picture for a call; returns its id. */
  async upload(call: string, file: Blob): Promise<string> {
    const body = await shrink(file);
    const response = await fetch(`/v1/calls/${encodeURIComponent(call)}/pictures`, {
      method: "POST",
      body,
      headers: { "Content-Type": body.type, ...this.#authorisation() },
    });
    const answer = (await response.json()) as { picture?: string; code?: Code; detail?: string };
    if (answer.picture === undefined) throw new Refusal(answer.code ?? "internal", answer.detail ?? "");
    return answer.picture;
  }

  /** Returns an address under which an element can show the picture; one that could not be fetched is tried anew. */
  address(picture: string): Promise<string> {
    const known = this.#known.get(picture) ?? this.#fetch(picture);
    this.#known.set(picture, known);
    known.catch(() => this.#known.delete(picture));
    return known;
  }

  /** Lets go of every picture: those of an ended call would fill the memory of a console that is open for days. */
  forget(): void {
    for (const known of this.#known.values()) known.then((address) => URL.revokeObjectURL(address), () => undefined);
    this.#known.clear();
  }

  async #fetch(picture: string): Promise<string> {
    const response = await fetch(`/v1/pictures/${encodeURIComponent(picture)}`, { headers: this.#authorisation() });
    if (!response.ok) throw new Refusal("not_found", "the picture cannot be shown");
    return URL.createObjectURL(await response.blob());
  }

  #authorisation(): Record<string, string> {
    const pass = this.#pass();
    return pass === undefined ? {} : { Authorization: `Bearer ${pass}` };
  }
}

async function shrink(file: Blob): Promise<Blob> {
  let image: ImageBitmap;
  try {
    image = await createImageBitmap(file);
  } catch {
    throw new Refusal("not_a_picture", "the file is not a picture");
  }
  const scale = Math.min(1, LONGEST_EDGE / Math.max(image.width, image.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(image.width * scale));
  canvas.height = Math.max(1, Math.round(image.height * scale));
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  image.close();
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
  if (blob === null) throw new Refusal("not_a_picture", "the picture cannot be read");
  return blob;
}
