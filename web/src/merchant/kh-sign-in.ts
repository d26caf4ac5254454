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
      form {
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
  @state() private merchant: MerchantCard | null = null;
  @state() private trouble: Word | null = null;
  @state() private busy = false;

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.invite !== "") void this.#try(async () => (this.merchant = (await api.invitation(this.invite)).merchant));
  }

  override render(): TemplateResult {
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
        ${this.trouble === null ? nothing : html`<p class="notice" role="alert">${say(this.trouble)}</p>`}
        <button class="act wide" ?disabled=${this.busy}>${say(joining ? "join" : "sign_in")}</button>
        ${joining
          ? nothing
          : html`<button type="button" class="plain wide" ?disabled=${this.busy} @click=${this.#passkey}>
              <kh-icon name="key"></kh-icon>${say("passkey_sign_in")}
            </button>`}
      </form>
    </main>`;
  }

  readonly #submit = (event: Event): void => {
    event.preventDefault();
    const fields = new FormData(event.target as HTMLFormElement);
    const text = (name: string): string => {
      const value = fields.get(name);
      return typeof value === "string" ? value : "";
    };
    const [name, login, password] = [text("name"), text("login"), text("password")];
    void this.#try(async () =>
      this.#entered(
        this.merchant === null ? await api.signIn(login, password) : await api.join(this.invite, name, login, password),
      ),
    );
  };

  readonly #passkey = (): void => void this.#try(async () => this.#entered(await api.signInByPasskey()));

  #entered(me: Me): void {
    this.dispatchEvent(new CustomEvent("entered", { detail: me }));
  }

  async #try(work: () => Promise<unknown>): Promise<void> {
    this.busy = true;
    this.trouble = null;
    try {
      await work();
    } catch (error) {
      this.trouble = error instanceof Refusal ? (TROUBLES[error.code] ?? "went_wrong") : "passkey_failed";
    } finally {
      this.busy = false;
    }
  }
}
