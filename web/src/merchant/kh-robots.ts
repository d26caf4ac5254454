import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { Refusal } from "../core";
import "../ui/kh-icon";
import { shared } from "../ui/styles";
import { language, say, type Word } from "../words";
import { api } from "./api";
import type { Endpoint, Ladder } from "./reach";

const NAMES: Readonly<Record<string, Word>> = { wecom: "robot_wecom", feishu: "robot_feishu", dingtalk: "robot_dingtalk" };

/** The waits an owner may choose from, in milliseconds; the server takes none of 10 s or more. */
const WAITS = [0, 2_000, 4_000, 6_000, 8_000] as const;

/** Robots that tell this agent in a chat of hers when it rings, and how long they wait. */
@customElement("kh-robots")
export class KhRobots extends LitElement {
  static override styles = [
    shared,
    css`
      #robots,
      form {
        display: grid;
        gap: 12px;
      }
      .robot {
        display: flex;
        flex-wrap: wrap;
        justify-content: space-between;
        align-items: center;
        gap: 8px;
        min-height: var(--target);
      }
      .acts {
        display: flex;
        gap: 8px;
      }
      .wait,
      label .soft {
        font-weight: 400;
      }
      select {
        min-height: var(--target);
        font: inherit;
        color: inherit;
        background: var(--paper);
        border: 1px solid var(--line);
        border-radius: var(--radius);
        padding: 0 12px;
      }
    `,
  ];

  @property({ type: Boolean }) owner = false;
  @state() private robots: readonly Endpoint[] | null = null;
  @state() private ladder: Ladder = { robot: null, webhook: null };
  @state() private shop = false;
  @state() private adding = false;
  @state() private busy = false;
  @state() private said: Word | null = null;

  override connectedCallback(): void {
    super.connectedCallback();
    void this.#do(() => Promise.resolve());
  }

  override render(): TemplateResult | typeof nothing {
    if (this.robots === null) return nothing;
    return html`<div id="robots">
      <h3>${say("robots_title")}</h3>
      <p class="small soft">${say("robots_why")}</p>
      ${this.robots.length === 0 ? nothing : html`<ul>${this.robots.map((robot) => this.#robot(robot))}</ul>`}
      ${this.adding ? this.#form() : nothing}
      ${this.said === null ? nothing : html`<p class="notice" role="status">${say(this.said)}</p>`}
      ${this.adding
        ? nothing
        : html`<button class="plain wide" id="robot-add" @click=${() => this.#open(true)}>
            <kh-icon name="ring"></kh-icon>${say("robot_add")}
          </button>`}
      ${this.owner && this.robots.length > 0 ? this.#wait("robot", "robot_wait") : nothing}
      ${this.owner && this.shop ? this.#wait("webhook", "shop_wait") : nothing}
    </div>`;
  }

  #robot({ id, kind }: Endpoint): TemplateResult {
    const name = say(NAMES[kind] ?? "robots_title");
    return html`<li class="robot" data-kind=${kind}>
      <span>${name}</span>
      <span class="acts">
        <button class="link" ?disabled=${this.busy} aria-label="${say("reach_try")} ${name}" @click=${() => void this.#try(id)}>
          ${say("reach_try")}
        </button>
        <button class="link" ?disabled=${this.busy} aria-label="${say("remove")} ${name}" @click=${() => void this.#do(() => api.ringNoMore(id))}>
          ${say("remove")}
        </button>
      </span>
    </li>`;
  }

  #form(): TemplateResult {
    return html`<form @submit=${this.#submit}>
      <p class="small">${say("robot_how")}</p>
      <label>${say("robot_address")}<input name="url" type="url" required maxlength="1000" autocomplete="off" /></label>
      <label>
        ${say("robot_secret")}
        <input name="secret" maxlength="200" autocomplete="off" autocapitalize="none" spellcheck="false" />
        <span class="soft small">${say("robot_secret_why")}</span>
      </label>
      <div class="acts">
        <button class="act" ?disabled=${this.busy}>${say("robot_save")}</button>
        <button type="button" class="plain" @click=${() => this.#open(false)}>${say("cancel")}</button>
      </div>
    </form>`;
  }

  #wait(rung: keyof Ladder, label: Word): TemplateResult {
    const chosen = this.ladder[rung];
    const option = (wait: number | null, text: string): TemplateResult =>
      html`<option value=${wait ?? ""} ?selected=${wait === chosen}>${text}</option>`;
    return html`<label class="wait">
      <span>${say(label)}</span>
      <select name=${rung} ?disabled=${this.busy} @change=${(event: Event) => this.#choose(rung, (event.target as HTMLSelectElement).value)}>
        ${WAITS.map((wait) => option(wait, wait === 0 ? say("wait_none") : say("wait_seconds", { seconds: wait / 1_000 })))}
        ${option(null, say("wait_never"))}
      </select>
    </label>`;
  }

  #open(adding: boolean): void {
    this.adding = adding;
    this.said = null;
  }

  #choose(rung: keyof Ladder, value: string): void {
    const ladder = { ...this.ladder, [rung]: value === "" ? null : Number(value) };
    void this.#do(() => api.setLadder(ladder));
  }

  readonly #submit = (event: Event): void => {
    event.preventDefault();
    const fields = new FormData(event.target as HTMLFormElement);
    const text = (name: string): string => {
      const value = fields.get(name);
      return typeof value === "string" ? value.trim() : "";
    };
    void this.#do(async () => {
      const { id } = await api.addRobot(text("url"), text("secret"), language);
      this.adding = false;
      await this.#try(id);
    });
  };

  /** Lets a robot speak; a robot that has just been added does at once, so that nobody finds out by a missed call. */
  async #try(id: string): Promise<void> {
    this.said = null;
    this.said = await api.tryRing(id).then(() => "robot_tried" as const, () => "robot_try_failed" as const);
  }

  /** Does something and reads anew how it stands; what is no robot is said so. */
  async #do(work: () => Promise<unknown>): Promise<void> {
    this.busy = true;
    try {
      await work();
      const { endpoints, ladder, shop } = await api.reach();
      this.robots = endpoints.filter(({ kind }) => kind in NAMES);
      this.ladder = ladder;
      this.shop = shop;
    } catch (error) {
      this.said = error instanceof Refusal && error.code === "malformed" ? "robot_unknown" : "went_wrong";
    } finally {
      this.busy = false;
    }
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "kh-robots": KhRobots;
  }
}
