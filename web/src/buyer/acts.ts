/** What a buyer can do in a call, and what is said of the line: from the state, nothing else. */
import type { BuyerState, TalkState } from "../core";
import type { StageAct } from "../ui/kh-stage";
import { say, type Word } from "../words";

export function mainActs(talk: TalkState, chatOpen: boolean, unread: boolean): StageAct[] {
  const muted = talk.muted || !talk.microphone;
  return [
    { act: "mute", icon: muted ? "mic-off" : "mic", label: say(muted ? "unmute" : "mute"), on: muted },
    {
      act: "camera",
      icon: talk.camera ? "camera" : "camera-off",
      label: say(talk.camera ? "camera_off" : "camera_on"),
      on: talk.camera,
    },
    { act: "chat", icon: "chat", label: say(unread ? "chat_new" : "chat"), on: chatOpen, opened: chatOpen },
  ];
}

export function moreActs(talk: TalkState, framed: boolean): StageAct[] {
  const { camera, voiceOnly } = talk;
  return [
    ...(camera ? [{ act: "switch", icon: "switch", label: say("switch_camera") } as const] : []),
    {
      act: "voice",
      icon: voiceOnly ? "eye" : "eye-off",
      label: say(voiceOnly ? "show_picture" : "voice_only"),
      on: voiceOnly,
    },
    ...(framed ? [{ act: "minimise", icon: "minimise", label: say("minimise") } as const] : []),
  ];
}

/** What stands where no picture is. */
export function remoteInWords({ media, voiceOnly }: TalkState): string {
  if (media === "connecting") return say("connecting");
  return say(voiceOnly ? "voice_only" : "their_camera_off");
}

/** Empty while all is well: harmless changes of the network are not worth a word. */
export function lineInWords({ call, talk, line }: BuyerState): string {
  if (call?.missing.includes("agent") === true) return say("agent_away");
  if (talk.media === "stalled") return say("media_stalled");
  if (line === "reconnecting" && talk.media !== "flowing") return say("no_line");
  return talk.media === "flowing" && !talk.remoteAudio ? say("their_sound_off") : "";
}

const REFUSALS: Readonly<Record<string, Word>> = {
  expired: "refused_expired",
  bad_signature: "refused_bad_signature",
  wrong_audience: "refused_bad_signature",
  malformed: "refused_bad_signature",
  already_in_call: "refused_already",
};

/** Whether the browser will ask its person before it opens the microphone; browsers that do not tell may ask. */
export async function asksForMicrophone(): Promise<boolean> {
  try {
    return (await navigator.permissions.query({ name: "microphone" })).state === "prompt";
  } catch {
    return true;
  }
}

/** Refusals that may be gone with the next try. */
const PASSING: ReadonlySet<string> = new Set(["overloaded", "too_many", "not_now", "internal", "offline"]);

export function mayPass(code: string): boolean {
  return PASSING.has(code);
}

/** What a refusal means for the buyer, and what to do. */
export function refusalInWords(code: string): string {
  return say(REFUSALS[code] ?? "refused_other");
}
