import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import type { CallView, QueueView } from "../protocol/messages";
import "../ui/kh-icon";
import { shared } from "../ui/styles";
import { about, say } from "../words";

/**
 * In the queue, or ringing.
 *
 * @fires cancel
 */
@customElement("kh-waiting")
export class KhWaiting extends LitElement {
  static override styles = [
    shared,
    css`
      section {
        display: grid;
        gap: 20px;
        justify-items: center;
        text-align: center;
        padding-top: 8px;
      }
      .thing {
        width: 168px;
        height: 168px;
        border-radius: 50%;
        object-fit: cover;
        background: var(--jade-soft);
        color: var(--jade);
        display: grid;
        place-items: center;
        font-size: 48px;
        box-shadow: 0 0 0 10px var(--jade-soft);
        animation: breathe 2.8s ease-in-out infinite;
      }
      @keyframes breathe {
        50% {
          transform: scale(0.94);
        }
      }
      @media (prefers-reduced-motion: reduce) {
        .thing {
          animation: none;
        }
      }
      .words {
        display: grid;
        gap: 6px;
      }
    `,
  ];

  @property({ attribute: false }) call: CallView | null = null;
  @property({ attribute: false }) queue: QueueView | null = null;
  /** What is wrong with the line, in words; empty while it holds. */
  @property() trouble = "";

  override render(): TemplateResult | typeof nothing {
    const { call, queue } = this;
    if (call === null) return nothing;
    const ringing = call.state === "ringing";
    const merchant = call.merchant.name;
    return html`<section>
      ${call.card.picture === null
        ? html`<span class="thing"><kh-icon name="phone"></kh-icon></span>`
        : html`<img class="thing" src=${call.card.picture} alt="" />`}
      <div class="words" role="status" aria-atomic="false">
        <h1 tabindex="-1">${ringing ? say("ringing", { merchant }) : this.#place(queue)}</h1>
        <p class="soft">${call.card.title}</p>
        <p class="soft">${ringing ? this.#ring(call) : this.#wait(queue)}</p>
        ${ringing ? nothing : html`<p class="soft">${this.#range(queue)}</p>`}
      </div>
      <p class="notice" role="status" ?hidden=${this.trouble === ""}>${this.trouble}</p>
      <button class="plain wide" @click=${() => this.dispatchEvent(new CustomEvent("cancel"))}>
        ${say(ringing ? "cancel" : "leave_queue")}
      </button>
    </section>`;
  }

  #place(queue: QueueView | null): string {
    if (queue === null) return say("wait_moment");
    if (queue.position <= 1) return say("wait_next");
    return say("wait_title", { ahead: queue.position - 1 });
  }

  #ring(call: CallView): string {
    if (call.offers > 1) return say("ringing_next");
    return call.due === null ? "" : say("ringing_long", { seconds: Math.round((call.due - call.since) / 1_000) });
  }

  #wait(queue: QueueView | null): string {
    if (queue?.wait_ms == null) return say("wait_unknown");
    return say("wait_honest", { wait: about(queue.wait_ms) });
  }

  /** Between what eight in ten wait, in whole minutes that hold it. */
  #range(queue: QueueView | null): string {
    if (queue?.least_ms == null || queue.most_ms === null) return "";
    const least = Math.floor(queue.least_ms / 60_000);
    const most = Math.max(1, Math.ceil(queue.most_ms / 60_000));
    return least < 1 ? say("wait_up_to", { most }) : say("wait_range", { least, most });
  }
}
