import { browserSupportsWebAuthn } from "@simplewebauthn/browser";
import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { customElement, property, state } from "lit/decorators.js";
import { Refusal } from "../core";
import type { MerchantCard } from "../protocol/messages";
import "../ui/kh-icon";
import { shared } from "../ui/styles";
import { say, type Word } from "../words";
import { api, type Me } from "./api";

const TROUBLES: Readonly<Record<string, Word>> = {
  wrong_password: "wrong_password",
  weak_password: "weak_password",
  name_taken: "name_taken",
  too_many: "too_many_tries",
  passkey_failed: "passkey_failed",
  invitation_spent: "invite_spent",
};

/**
 * The way in: by login and password, by passkey, or by an invitation's link.
 *
 * @fires entered - `detail` is who signed in
 */
@customElement("kh-sign-in")
export class KhSignIn extends LitElement {
  static override styles = [
    shared,
    css`
      main {
        min-height: 100dvh;
        display: grid;
        place-items: center;
        padding: 24px 16px;
      }
      form,
      section {
        width: min(100%, 400px);
        background: var(--sheet);
        border-radius: var(--radius-sheet);
        box-shadow: var(--shadow);
        padding: 32px 24px;
        display: grid;
        gap: 18px;
      }
      .brand {
        color: var(--jade);
        font-weight: 700;
        font-size: var(--text-l);
      }
    `,
  ];

  /** The secret of an invitation's link. */
  @property() invite = "";
  /** Who has just joined and may add a passkey before going in. */
  @state() private joined: Me | null = null;
  @state() private merchant: MerchantCard | null = null;
  @state() private trouble: Word | null = null;
  @state() private busy = false;

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.invite !== "") void this.#try(async () => (this.merchant = (await api.invitation(this.invite)).merchant));
  }

  override render(): TemplateResult {
    if (this.joined !== null) return this.#offer(this.joined);
    if (this.invite !== "" && this.merchant === null && this.trouble === null) return html`<main aria-busy="true"></main>`;
    const joining = this.merchant !== null;
    return html`<main>
      <form @submit=${this.#submit}>
        <p class="brand" lang="zh-CN">看货 kanhuo</p>
        <h1>${this.merchant === null ? say("sign_in_title") : say("join_title", { merchant: this.merchant.name })}</h1>
        ${joining ? html`<label>${say("name")}<input name="name" required maxlength="60" autocomplete="name" /></label>` : nothing}
        <label>${say("login")}<input name="login" required maxlength="120" autocomplete="username" autocapitalize="none" /></label>
        <label>
          ${say("password")}
          <input
            name="password"
            type="password"
            required
            minlength=${joining ? 10 : 1}
            autocomplete=${joining ? "new-password" : "current-password"}
          />
          ${joining ? html`<span class="soft small">${say("password_rule")}</span>` : nothing}
        </label>
        ${this.#trouble()}
        <button class="act wide" ?disabled=${this.busy}>${say(joining ? "join" : "sign_in")}</button>
        ${joining || !browserSupportsWebAuthn()
          ? nothing
          : html`<button type="button" class="plain wide" ?disabled=${this.busy} @click=${this.#passkey}>
              <kh-icon name="key"></kh-icon>${say("passkey_sign_in")}
            </button>`}
      </form>
    </main>`;
  }

  #offer(me: Me): TemplateResult {
    return html`<main>
      <section>
        <p class="brand" lang="zh-CN">看货 kanhuo</p>
        <h1 tabindex="-1">${say("passkey_offer")}</h1>
        <p class="soft">${say("passkey_offer_why")}</p>
        ${this.#trouble()}
        <div class="stack">
          <button class="act wide" ?disabled=${this.busy} @click=${() => this.#addPasskey(me)}>
            <kh-icon name="key"></kh-icon>${say("add_passkey")}
          </button>
          <button class="wide" ?disabled=${this.busy} @click=${() => this.#entered(me)}>${say("later")}</button>
        </div>
      </section>
    </main>`;
  }

  #trouble(): TemplateResult | typeof nothing {
    return this.trouble === null ? nothing : html`<p class="notice" role="alert">${say(this.trouble)}</p>`;
  }

  readonly #submit = (event: Event): void => {
    event.preventDefault();
    const fields = new FormData(event.target as HTMLFormElement);
    const text = (name: string): string => {
      const value = fields.get(name);
      return typeof value === "string" ? value : "";
    };
    const [name, login, password] = [text("name"), text("login"), text("password")];
    void this.#try(async () => {
      if (this.merchant === null) this.#entered(await api.signIn(login, password));
      else await this.#welcome(await api.join(this.invite, name, login, password));
    });
  };

  readonly #passkey = (): void => void this.#try(async () => this.#entered(await api.signInByPasskey()), "passkey_failed");

  #addPasskey(me: Me): void {
    void this.#try(async () => {
      await api.addPasskey();
      this.#entered(me);
    }, "passkey_failed");
  }

  async #welcome(me: Me): Promise<void> {
    if (!browserSupportsWebAuthn()) {
      this.#entered(me);
      return;
    }
    this.joined = me;
    await this.updateComplete;
    this.renderRoot.querySelector("h1")?.focus();
  }

  #entered(me: Me): void {
    this.dispatchEvent(new CustomEvent("entered", { detail: me }));
  }

  /** `otherwise` says what went wrong where the server has not: the browser's own dialog, or no line at all. */
  async #try(work: () => Promise<unknown>, otherwise: Word = "no_server"): Promise<void> {
    this.busy = true;
    this.trouble = null;
    try {
      await work();
    } catch (error) {
      this.trouble = error instanceof Refusal ? (TROUBLES[error.code] ?? "went_wrong") : otherwise;
    } finally {
      this.busy = false;
    }
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "kh-sign-in": KhSignIn;
  }
}
