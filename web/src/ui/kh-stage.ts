import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import "./kh-icon";
import type { IconName } from "./kh-icon";
import "./kh-video";
import { shared } from "./styles";

export interface StageAct {
  readonly act: string;
  readonly icon: IconName;
  readonly label: string;
  /** Shown as lit. The label says what a tap does next, so this is for the eye alone. */
  readonly on?: boolean;
  /** For an act that opens something beside the picture: whether it is open. */
  readonly opened?: boolean;
}

/**
 * The stage of a call at either side: the other's picture large, one's own small and movable, the acts below.
 *
 * @slot top - beside the name: the context card's chip
 * @slot side - chat or card, beside the picture on wide screens and over it on narrow ones
 * @fires act - `detail` is the name of the act
 */
@customElement("kh-stage")
export class KhStage extends LitElement {
  static override styles = [
    shared,
    css`
      :host {
        position: relative;
        height: 100%;
        min-height: 0;
        background: var(--stage);
        color: var(--on-stage);
        display: grid;
        grid-template-columns: 1fr;
        overflow: hidden;
        --bar: 104px;
        --own-width: 108px;
        --own-height: 144px;
      }
      .picture {
        position: relative;
        min-height: 0;
        min-width: 0;
        overflow: hidden;
      }
      .remote {
        position: absolute;
        inset: 0;
      }
      .remote .off {
        display: grid;
        justify-items: center;
        gap: 12px;
        font-size: var(--text-m);
        padding: 24px;
        text-align: center;
      }
      .remote .off kh-icon {
        font-size: 34px;
        opacity: 0.8;
      }
      .top {
        position: absolute;
        inset: 0 0 auto;
        padding: 14px 16px 40px;
        display: flex;
        gap: 12px;
        align-items: flex-start;
        justify-content: space-between;
        background: linear-gradient(rgb(0 0 0 / 55%), transparent);
      }
      .who {
        display: grid;
        gap: 2px;
        min-width: 0;
      }
      .who h1 {
        font-size: var(--text-m);
      }
      .line {
        position: absolute;
        left: 50%;
        top: 76px;
        transform: translateX(-50%);
        width: max-content;
        max-width: calc(100% - 32px);
        background: var(--amber-soft);
        color: var(--amber);
        padding: 8px 16px;
        border-radius: 999px;
        text-align: center;
      }
      /* wherever it was dragged to, and however the page is turned, it stays in sight and clear of both bars */
      .own {
        position: absolute;
        right: clamp(8px, var(--own-right, 16px), calc(100% - var(--own-width) - 8px));
        bottom: clamp(var(--bar) + 8px, var(--own-bottom, var(--bar) + 24px), calc(100% - var(--own-height) - 72px));
        width: var(--own-width);
        height: var(--own-height);
        border-radius: var(--radius);
        overflow: hidden;
        box-shadow: var(--shadow);
        border: 2px solid rgb(255 255 255 / 70%);
        touch-action: none;
        cursor: grab;
        --fit: cover;
      }
      .own kh-video {
        width: 100%;
        height: 100%;
      }
      .bar {
        position: absolute;
        inset: auto 0 0;
        padding: 28px 12px max(16px, env(safe-area-inset-bottom));
        display: flex;
        justify-content: center;
        gap: 4px;
        background: linear-gradient(transparent, rgb(0 0 0 / 65%));
      }
      .bar button {
        flex-direction: column;
        gap: 4px;
        padding: 0;
        width: 68px;
        min-height: 84px;
        border-radius: var(--radius);
        color: var(--on-stage);
        font-size: var(--text-xs);
        line-height: 1.3;
      }
      .disc {
        width: var(--target-call);
        height: var(--target-call);
        border-radius: 50%;
        display: grid;
        place-items: center;
        background: rgb(255 255 255 / 20%);
      }
      button[data-on] .disc {
        background: var(--on-stage);
        color: var(--stage);
      }
      .hang .disc {
        background: #b3261e;
        color: #fff;
      }
      .hang {
        margin-left: 8px;
      }
      .more {
        display: flex;
        gap: 4px;
        flex: none;
      }
      .more button {
        color: var(--on-stage);
        background: rgb(255 255 255 / 16%);
        padding: 0 12px;
        font-size: var(--text-xs);
      }
      .side {
        min-height: 0;
        display: grid;
        color: var(--ink);
        background: var(--paper);
      }
      .side:not(.open) {
        display: none;
      }
      @media (width < 900px) {
        :host([panel]) slot[name="top"] {
          visibility: hidden;
        }
        .side.open {
          position: absolute;
          inset: min(140px, 20%) 0 0;
          border-radius: var(--radius-sheet) var(--radius-sheet) 0 0;
          overflow: hidden;
          box-shadow: var(--shadow);
        }
      }
      @media (width >= 900px) {
        :host([panel]) {
          grid-template-columns: 1fr 380px;
        }
        :host {
          --own-width: 200px;
          --own-height: 150px;
        }
        .bar {
          gap: 16px;
        }
      }
      :host([small]) .bar,
      :host([small]) .own,
      :host([small]) .more,
      :host([small]) .line,
      :host([small]) .side {
        display: none;
      }
      :host([small]) .top {
        padding: 8px;
      }
      :host([small]) .who p {
        display: none;
      }
      .restore {
        position: absolute;
        inset: 0;
        width: 100%;
        height: 100%;
        border-radius: 0;
      }
    `,
  ];

  @property() name = "";
  @property() about = "";
  @property({ attribute: false }) remote: MediaStream | null = null;
  @property({ type: Boolean }) remoteShown = false;
  @property() remoteOff = "";
  @property({ attribute: false }) own: MediaStream | null = null;
  @property() ownLabel = "";
  @property() line = "";
  /** What has just happened out of sight, for those who listen. */
  @property() news = "";
  @property({ attribute: false }) acts: readonly StageAct[] = [];
  @property({ attribute: false }) more: readonly StageAct[] = [];
  @property() hangUp = "";
  /** Something stands beside the picture. */
  @property({ type: Boolean, reflect: true }) panel = false;
  /** The small tile while the buyer goes on browsing. */
  @property({ type: Boolean, reflect: true }) small = false;
  @property() restore = "";
  /** Where one's own picture was taken hold of, from its lower right corner. */
  #grip = { x: 0, y: 0 };

  override render(): TemplateResult {
    return html`
      <main class="picture">
        <kh-video class="remote" .stream=${this.remote} ?shown=${this.remoteShown} label=${this.name}>
          <div class="off"><kh-icon name="video-off"></kh-icon><p>${this.remoteOff}</p></div>
        </kh-video>
        <div class="top">
          <div class="who">
            <h1 tabindex="-1">${this.name}</h1>
            <p class="small">${this.about}</p>
            <slot name="top"></slot>
          </div>
          <div class="more">${this.more.map((act) => this.#small(act))}</div>
        </div>
        <p class="line" role="status" ?hidden=${this.line === ""}>${this.line}</p>
        <p class="visually-hidden" role="status">${this.news}</p>
        ${this.own === null
          ? nothing
          : html`<div class="own" @pointerdown=${this.#grab} @pointermove=${this.#drag}>
              <kh-video muted shown .stream=${this.own} label=${this.ownLabel}></kh-video>
            </div>`}
        <div class="bar">
          ${this.acts.map((act) => this.#large(act))}
          <button class="hang" @click=${() => this.#tell("hang-up")}>
            <span class="disc"><kh-icon name="hang-up"></kh-icon></span>${this.hangUp}
          </button>
        </div>
        ${this.small
          ? html`<button class="restore" aria-label=${this.restore} @click=${() => this.#tell("restore")}></button>`
          : nothing}
      </main>
      <aside class="side ${this.panel ? "open" : ""}"><slot name="side"></slot></aside>
    `;
  }

  #large({ act, icon, label, on, opened }: StageAct): TemplateResult {
    return html`<button
      data-act=${act}
      ?data-on=${on === true}
      aria-expanded=${opened ?? nothing}
      @click=${() => this.#tell(act)}
    >
      <span class="disc"><kh-icon name=${icon}></kh-icon></span>${label}
    </button>`;
  }

  #small({ act, icon, label, on }: StageAct): TemplateResult {
    return html`<button data-act=${act} aria-label=${label} ?data-on=${on === true} @click=${() => this.#tell(act)}>
      <kh-icon name=${icon}></kh-icon>
    </button>`;
  }

  readonly #grab = (event: PointerEvent): void => {
    const tile = event.currentTarget as Element;
    const { right, bottom } = tile.getBoundingClientRect();
    this.#grip = { x: right - event.clientX, y: bottom - event.clientY };
    tile.setPointerCapture(event.pointerId);
  };

  readonly #drag = (event: PointerEvent): void => {
    const tile = event.currentTarget as HTMLElement;
    if (!tile.hasPointerCapture(event.pointerId)) return;
    const { right, bottom } = (tile.parentElement ?? this).getBoundingClientRect();
    this.style.setProperty("--own-right", `${right - event.clientX - this.#grip.x}px`);
    this.style.setProperty("--own-bottom", `${bottom - event.clientY - this.#grip.y}px`);
  };

  override focus(): void {
    void this.updateComplete.then(() => this.renderRoot.querySelector<HTMLElement>("h1")?.focus());
  }

  /** Gives the focus back to the act that had opened something. */
  focusAct(act: string): void {
    this.renderRoot.querySelector<HTMLElement>(`[data-act=${act}]`)?.focus();
  }

  #tell(act: string): void {
    this.dispatchEvent(new CustomEvent("act", { detail: act }));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "kh-stage": KhStage;
  }
}
