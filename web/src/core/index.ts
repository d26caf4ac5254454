/** kanhuo for TypeScript: what a page of one's own is built on. */
export { AgentDesk, type AgentState } from "./agent";
export { BuyerCall, type BuyerState } from "./buyer";
export { realTimers, type Timers } from "./clock";
export { Devices, type DeviceTrouble } from "./devices";
export type { LineState } from "./link";
export type { PageState, Surroundings } from "./page";
export { Refusal } from "./refusal";
export { quiet, type TalkState } from "./talk";
export { ScreenLock } from "./wake";
