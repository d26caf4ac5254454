import { css, LitElement, type PropertyValues } from "lit";
import { customElement, property } from "lit/decorators.js";
import {
  BellRing,
  Camera,
  CameraOff,
  ChevronLeft,
  Clock,
  createElement,
  Eye,
  EyeOff,
  Globe,
  type IconNode,
  Image,
  KeyRound,
  LogOut,
  MessageCircle,
  Mic,
  MicOff,
  Minimize2,
  Phone,
  PhoneMissed,
  PhoneOff,
  RefreshCw,
  Send,
  ShieldCheck,
  SwitchCamera,
  UserPlus,
  UserRound,
  Video,
  VideoOff,
  WifiOff,
  X,
} from "lucide";

const ICONS = {
  ring: BellRing,
  camera: Camera,
  "camera-off": CameraOff,
  back: ChevronLeft,
  clock: Clock,
  eye: Eye,
  "eye-off": EyeOff,
  globe: Globe,
  image: Image,
  key: KeyRound,
  leave: LogOut,
  chat: MessageCircle,
  mic: Mic,
  "mic-off": MicOff,
  minimise: Minimize2,
  phone: Phone,
  missed: PhoneMissed,
  "hang-up": PhoneOff,
  again: RefreshCw,
  send: Send,
  safe: ShieldCheck,
  switch: SwitchCamera,
  invite: UserPlus,
  person: UserRound,
  video: Video,
  "video-off": VideoOff,
  "no-line": WifiOff,
  close: X,
} satisfies Record<string, IconNode>;

export type IconName = keyof typeof ICONS;

/** One icon of Lucide, always beside a text or inside a control with a name; itself silent. */
@customElement("kh-icon")
export class KhIcon extends LitElement {
  static override styles = css`
    :host {
      display: inline-flex;
      width: 1.5em;
      height: 1.5em;
      flex: none;
    }
    svg {
      width: 100%;
      height: 100%;
    }
  `;

  @property() name: IconName = "phone";

  override connectedCallback(): void {
    super.connectedCallback();
    this.setAttribute("aria-hidden", "true");
  }

  override updated(changed: PropertyValues<this>): void {
    if (changed.has("name")) this.renderRoot.replaceChildren(createElement(ICONS[this.name]));
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "kh-icon": KhIcon;
  }
}
