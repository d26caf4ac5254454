import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import "../ui/kh-icon";
import { shared } from "../ui/styles";
import { say, type Word } from "../words";
import type { ReachState } from "./reach";

/** What somebody wants of {@link Reach}. */
export type ReachAct = "on" | "off" | "try";

/** How a try went, as far as we know. */
export type Tried = "no" | "sent" | "failed";

const WHY: Readonly<Record<Exclude<ReachState, "unknown">, Word>> = {
  unsupported: "reach_unsupported",
  "install-first": "reach_install_first",
  denied: "reach_denied",
  off: "reach_why",
  busy: "reach_why",
  on: "reach_is_on",
  failed: "reach_failed",
};

/**
 * Whether this device rings with the console closed, with the one thing to do about it.
 *
 * @fires reach - `detail` is a {@link ReachAct}
 */
@customElement("kh-reach")
export class KhReach extends LitElement {
  static override styles = [
    shared,
    css`
      #reach {
        display: grid;
        gap: 8px;
      }
      .acts {
        display: flex;
        flex-wrap: wrap;
        gap: 8px;
      }
      .acts button {
        flex: 1 1 auto;
        min-height: 52px;
        font-size: var(--text);
      }
    `,
  ];

  @property() state: ReachState = "unknown";
  @property() tried: Tried = "no";

  override render(): TemplateResult | typeof nothing {
    const { state } = this;
    if (state === "unknown") return nothing;
    return html`<div id="reach" data-state=${state}>
      <h3>${say("reach_title")}</h3>
      <p class="small soft" role="status">${say(WHY[state])}</p>
      ${this.tried === "no" ? nothing : html`<p class="notice" role="status">${say(this.tried === "sent" ? "reach_tried" : "reach_try_failed")}</p>`}
      <div class="acts">${this.#acts(state)}</div>
    </div>`;
  }

  #acts(state: ReachState): TemplateResult | typeof nothing {
    if (state === "on") {
      return html`<button class="plain" id="reach-try" @click=${() => this.#tell("try")}>${say("reach_try")}</button>
        <button class="plain" id="reach-off" @click=${() => this.#tell("off")}>${say("reach_off")}</button>`;
    }
    if (state !== "off" && state !== "failed" && state !== "busy") return nothing;
    return html`<button class="plain" id="reach-on" ?disabled=${state === "busy"} @click=${() => this.#tell("on")}>
      <kh-icon name="ring"></kh-icon>${say("reach_on")}
    </button>`;
  }

  #tell(detail: ReachAct): void {
    this.dispatchEvent(new CustomEvent("reach", { detail, bubbles: true, composed: true }));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "kh-reach": KhReach;
  }
}
