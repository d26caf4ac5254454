import { css, html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, query, state } from "lit/decorators.js";
import { say } from "../words";

/**
 * A moving picture, or what stands in its place.
 *
 * @slot - what is shown while there is no picture: never the last frame
 */
@customElement("kh-video")
export class KhVideo extends LitElement {
  static override styles = css`
    :host {
      display: block;
      position: relative;
      overflow: hidden;
      background: var(--stage);
      color: var(--on-stage);
    }
    video {
      width: 100%;
      height: 100%;
      object-fit: var(--fit, contain);
      display: block;
    }
    video[hidden] {
      display: block;
      visibility: hidden;
    }
    div {
      position: absolute;
      inset: 0;
      display: grid;
      place-items: center;
    }
    button {
      min-height: 64px;
      padding: 0 28px;
      border: 0;
      border-radius: 999px;
      background: var(--jade);
      color: var(--on-jade);
      font: 650 var(--text-m) / 1.3 var(--font);
    }
  `;

  @property({ attribute: false }) stream: MediaStream | null = null;
  /** Whether the picture may be shown: what the other side says it sends. */
  @property({ type: Boolean }) shown = false;
  @property({ type: Boolean }) muted = false;
  @property() label = "";
  /** The browser wants a tap before it plays sound: after a reload, mostly. */
  @state() private silent = false;
  @query("video") private readonly video!: HTMLVideoElement;

  override render(): TemplateResult {
    return html`
      <video
        playsinline
        .muted=${this.muted}
        ?hidden=${!this.shown}
        aria-label=${this.label}
        @pause=${this.#play}
      ></video>
      ${this.shown || this.silent ? nothing : html`<div><slot></slot></div>`}
      ${this.silent ? html`<div><button @click=${this.#play}>${say("tap_to_hear")}</button></div>` : nothing}
    `;
  }

  override updated(changed: PropertyValues<this>): void {
    if (changed.has("stream") && this.video.srcObject !== this.stream) this.video.srcObject = this.stream;
    if (this.video.paused) this.#play();
  }

  readonly #play = (): void => {
    if (this.stream === null) return;
    this.video.play().then(
      () => (this.silent = false),
      (error: unknown) => (this.silent = error instanceof DOMException && error.name === "NotAllowedError"),
    );
  };
}

declare global {
  interface HTMLElementTagNameMap {
    "kh-video": KhVideo;
  }
}
