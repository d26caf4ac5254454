/** The HTTP that the console uses. */
import { startAuthentication, startRegistration } from "@simplewebauthn/browser";
import type { PublicKeyCredentialCreationOptionsJSON, PublicKeyCredentialRequestOptionsJSON } from "@simplewebauthn/browser";
import { Refusal } from "../core";
import type { AgentCard, Card, Code, Media, MerchantCard, Outcome, Reason, Role, State } from "../protocol/messages";
import type { Endpoint, Ladder, Reached } from "./reach";

export interface Person {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  /** Whether she comes by the shop's pass and has no login here; then only the shop can take her out. */
  readonly vouched: boolean;
}

export interface Me {
  readonly agent: Person;
  readonly merchant: MerchantCard;
  /** Whether a link has let her in: then she may answer, and not change who else may. */
  readonly by_link: boolean;
}

export interface CallSummary {
  readonly call: string;
  readonly asked_at: number;
  readonly state: State;
  readonly media: Media;
  readonly card: Card;
  readonly offers: number;
  readonly reason?: Reason;
  readonly agent?: AgentCard;
  readonly answered_at?: number;
  readonly connected_at?: number;
  readonly ended_at?: number;
  readonly stars?: number;
  readonly outcome?: Outcome;
  readonly note?: string;
}

export const api = {
  reach: () => request<Reached>("GET", "/v1/reach"),
  ring: (device: string, { endpoint, keys }: PushSubscriptionJSON) =>
    request<Endpoint>("POST", "/v1/reach/push", { device, subscription: { endpoint, keys } }),
  ringNoMore: (endpoint: string) => request("DELETE", `/v1/reach/endpoints/${encodeURIComponent(endpoint)}`),
  tryRing: (endpoint: string) => request("POST", `/v1/reach/endpoints/${encodeURIComponent(endpoint)}/try`),
  addRobot: (url: string, secret: string, language: string) => request<Endpoint>("POST", "/v1/reach/robots", { url, secret, language }),
  setLadder: (ladder: Ladder) => request("PUT", "/v1/reach/ladder", ladder),
  follow: (secret: string) => request<Me>("POST", "/v1/sessions/link", { secret }),
  heard: (knock: string) => request("POST", "/v1/knocks/heard", { knock }),
  me: () => request<Me>("GET", "/v1/me"),
  signIn: (login: string, password: string) => request<Me>("POST", "/v1/sessions", { login, password }),
  signOut: () => request("DELETE", "/v1/sessions/current"),
  signOutEverywhere: () => request("DELETE", "/v1/sessions"),
  invitation: (secret: string) => request<{ merchant: MerchantCard }>("POST", "/v1/invitations/look", { secret }),
  join: (secret: string, name: string, login: string, password: string) =>
    request<Me>("POST", "/v1/invitations/take", { secret, name, login, password }),
  invite: () => request<{ link: string }>("POST", "/v1/invitations", { role: "agent" }),
  colleagues: async () => (await request<{ agents: Person[] }>("GET", "/v1/agents")).agents,
  remove: (agent: string) => request("DELETE", `/v1/agents/${encodeURIComponent(agent)}`),
  calls: async () => (await request<{ calls: CallSummary[] }>("GET", "/v1/calls?limit=50")).calls,

  async addPasskey(): Promise<void> {
    const optionsJSON = await request<PublicKeyCredentialCreationOptionsJSON>("POST", "/v1/passkeys/options");
    await request("POST", "/v1/passkeys", { credential: await startRegistration({ optionsJSON }) });
  },

  async signInByPasskey(): Promise<Me> {
    const asked = await request<{ ceremony: string; options: PublicKeyCredentialRequestOptionsJSON }>(
      "POST",
      "/v1/sessions/passkey/options",
    );
    const credential = await startAuthentication({ optionsJSON: asked.options });
    return request<Me>("POST", "/v1/sessions/passkey", { ceremony: asked.ceremony, credential });
  },
};

async function request<T = undefined>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(path, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
  });
  if (response.status === 204) return undefined as T;
  const answer = (await response.json()) as T & { code?: Code; detail?: string };
  if (!response.ok) throw new Refusal(answer.code ?? "internal", answer.detail ?? "");
  return answer;
}
