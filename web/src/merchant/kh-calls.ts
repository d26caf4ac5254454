import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, property } from "lit/decorators.js";
import "../ui/kh-icon";
import { shared } from "../ui/styles";
import { clock, dayOf, say, when } from "../words";
import type { CallSummary } from "./api";

const MISSED_FOR = 3 * 24 * 3_600_000;
const MISSED_MOST = 5;

/** The calls of the shop: those missed of late on top, then all of them, day by day; each opens to its details. */
@customElement("kh-calls")
export class KhCalls extends LitElement {
  static override styles = [
    shared,
    css`
      :host {
        display: grid;
        gap: 20px;
        align-content: start;
      }
      .panel {
        background: var(--sheet);
        border-radius: var(--radius-sheet);
        padding: 24px 24px 12px;
        box-shadow: inset 0 0 0 1px var(--line);
        display: grid;
        gap: 8px;
        min-width: 0;
      }
      h3 {
        font-size: var(--text-xs);
        color: var(--ink-soft);
        font-weight: 600;
        margin-top: 12px;
      }
      li {
        border-top: 1px solid var(--line);
      }
      li:first-child {
        border-top: 0;
      }
      summary {
        display: grid;
        grid-template-columns: auto 1fr auto;
        gap: 2px 14px;
        align-items: center;
        padding: 12px 0;
        cursor: pointer;
        border-radius: var(--radius);
        list-style: none;
      }
      summary::-webkit-details-marker {
        display: none;
      }
      .thing,
      img {
        width: 52px;
        height: 52px;
        border-radius: var(--radius);
        object-fit: cover;
        background: var(--paper);
        display: grid;
        place-items: center;
        color: var(--ink-soft);
      }
      summary div {
        min-width: 0;
      }
      strong {
        display: block;
        font-weight: 600;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .reason {
        display: inline-flex;
        align-items: center;
        gap: 4px;
      }
      .reason kh-icon {
        width: 1.1em;
        height: 1.1em;
      }
      .missed .reason {
        color: var(--red);
        font-weight: 600;
      }
      dl {
        display: grid;
        grid-template-columns: auto 1fr;
        gap: 4px 16px;
        padding: 0 0 16px 66px;
      }
      dt {
        color: var(--ink-soft);
      }
      dd {
        overflow-wrap: anywhere;
        white-space: pre-wrap;
      }
      .none {
        padding-bottom: 12px;
      }
      @media (width < 900px) {
        .panel {
          padding: 20px 16px 8px;
        }
        dl {
          padding-left: 0;
        }
      }
    `,
  ];

  @property({ attribute: false }) calls: readonly CallSummary[] = [];
  @property({ type: Number }) now = 0;

  override render(): TemplateResult {
    const missed = this.calls.filter((call) => isMissed(call) && call.asked_at > this.now - MISSED_FOR).slice(0, MISSED_MOST);
    return html`
      ${missed.length === 0
        ? nothing
        : html`<section class="panel" id="missed">
            <h2>${say("missed")}</h2>
            <ol>
              ${missed.map((call) => this.#row(call, when(call.asked_at, this.now)))}
            </ol>
          </section>`}
      <section class="panel">
        <h2>${say("today")}</h2>
        ${this.calls.length === 0 ? html`<p class="soft none">${say("no_calls")}</p>` : nothing}
        ${this.#days().map(
          ([day, calls]) => html`<h3>${day}</h3>
            <ol>
              ${calls.map((call) => this.#row(call, when(call.asked_at, call.asked_at)))}
            </ol>`,
        )}
      </section>
    `;
  }

  #days(): [string, CallSummary[]][] {
    const days = new Map<string, CallSummary[]>();
    for (const call of this.calls) {
      const day = dayOf(call.asked_at, this.now);
      days.set(day, [...(days.get(day) ?? []), call]);
    }
    return [...days];
  }

  #row(call: CallSummary, at: string): TemplateResult {
    const missed = isMissed(call);
    const talked = call.connected_at !== undefined && call.ended_at !== undefined;
    const facts = [
      talked ? clock((call.ended_at ?? 0) - (call.connected_at ?? 0)) : "",
      call.agent?.name ?? "",
      call.stars === undefined ? "" : say("stars", { stars: call.stars }),
    ].filter((fact) => fact !== "");
    return html`<li class=${missed ? "missed" : ""}>
      <details>
        <summary>
          ${call.card.picture === null
            ? html`<span class="thing"><kh-icon name=${missed ? "missed" : "phone"}></kh-icon></span>`
            : html`<img src=${call.card.picture} alt="" loading="lazy" />`}
          <div>
            <strong>${call.card.title}</strong>
            <span class="soft small"><span class="reason">${missed ? html`<kh-icon name="missed"></kh-icon>` : nothing}${
              call.reason === undefined ? say("going_on") : say(`reason_${call.reason}`)
            }</span>${facts.map((fact) => ` · ${fact}`)}</span>
          </div>
          <time class="soft small" datetime=${new Date(call.asked_at).toISOString()}>${at}</time>
        </summary>
        ${this.#details(call)}
      </details>
    </li>`;
  }

  #details(call: CallSummary): TemplateResult {
    const until = call.answered_at ?? call.ended_at;
    const outcome = call.outcome === undefined || call.outcome === "skipped" ? "" : say(`outcome_${call.outcome}`);
    const rows: readonly (readonly [string, string])[] = [
      [say("detail_from"), say(`place_${call.card.kind}`)],
      ...call.card.lines.map(({ label, value }) => [label, value] as const),
      [say("detail_waited"), until === undefined ? "" : clock(until - call.asked_at)],
      [say("detail_offers"), String(call.offers)],
      [say("detail_outcome"), outcome],
      [say("detail_note"), call.note ?? ""],
    ];
    return html`<dl class="small">
      ${rows
        .filter(([, value]) => value !== "")
        .map(
          ([label, value]) =>
            html`<dt>${label}</dt>
              <dd>${value}</dd>`,
        )}
    </dl>`;
  }
}

function isMissed(call: CallSummary): boolean {
  return call.reason !== undefined && call.answered_at === undefined;
}

declare global {
  interface HTMLElementTagNameMap {
    "kh-calls": KhCalls;
  }
}
