/** What the browser's own connection leaves to be said in more than a word. */
import type { IceServer } from "../protocol/messages";

export type Kind = "audio" | "video";

/** Everything over one port pair, by the servers that ours names. */
export function configuration(servers: readonly IceServer[]): RTCConfiguration {
  return {
    bundlePolicy: "max-bundle",
    iceServers: servers.map(({ urls, username, credential }) => ({
      urls: [...urls],
      ...(username === null ? {} : { username }),
      ...(credential === null ? {} : { credential }),
    })),
  };
}

export function transceiverOf(pc: RTCPeerConnection | undefined, kind: Kind): RTCRtpTransceiver | undefined {
  return pc?.getTransceivers().find(({ receiver }) => receiver.track.kind === kind);
}

/** The DTLS fingerprint names the RTCPeerConnection that made a description. */
export function fingerprint(sdp: string): string {
  return /^a=fingerprint:(.+)$/mu.exec(sdp)?.[1]?.trim() ?? "";
}

/** Sends a key frame at once, which saves the other side up to two seconds of frozen picture. */
export async function sendKeyFrame(sender: RTCRtpSender | undefined): Promise<void> {
  if (!sender?.track) return;
  // `encodingOptions` is newer than the types
  const asked = sender as unknown as { setParameters(p: RTCRtpSendParameters, o: object): Promise<void> };
  try {
    await asked.setParameters(sender.getParameters(), { encodingOptions: [{ keyFrame: true }] });
  } catch {
    // a browser without this option sends its next key frame when it likes
  }
}
