import { css, html, LitElement, type PropertyValues, type TemplateResult } from "lit";
import { customElement, property, query } from "lit/decorators.js";

/**
 * A moving picture, or what stands in its place.
 *
 * @slot - what is shown while there is no picture: never the last frame
 * @fires first-frame - the first frame of a stream is on the screen
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
    .mirrored {
      transform: scaleX(-1);
    }
    div {
      position: absolute;
      inset: 0;
      display: grid;
      place-items: center;
    }
  `;

  @property({ attribute: false }) stream: MediaStream | null = null;
  /** Whether the picture may be shown: what the other side says it sends. */
  @property({ type: Boolean }) shown = false;
  @property({ type: Boolean }) muted = false;
  @property({ type: Boolean }) mirrored = false;
  @property() label = "";
  @query("video") private readonly video!: HTMLVideoElement;

  override render(): TemplateResult {
    return html`
      <video
        playsinline
        autoplay
        .muted=${this.muted}
        class=${this.mirrored ? "mirrored" : ""}
        ?hidden=${!this.shown}
        aria-label=${this.label}
        @loadeddata=${this.#loaded}
      ></video>
      ${this.shown ? "" : html`<div><slot></slot></div>`}
    `;
  }

  override updated(changed: PropertyValues<this>): void {
    if (changed.has("stream") && this.video.srcObject !== this.stream) this.video.srcObject = this.stream;
    if (this.stream !== null && this.video.paused) {
      // a browser may want a tap before it plays sound; the tap that made the call counts, so this is rare
      this.video.play().catch(() => undefined);
    }
  }

  readonly #loaded = (): void => {
    this.dispatchEvent(new CustomEvent("first-frame", { bubbles: true, composed: true }));
  };
}

declare global {
  interface HTMLElementTagNameMap {
    "kh-video": KhVideo;
  }
}
