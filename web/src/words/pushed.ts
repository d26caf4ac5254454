/** Words of the notifications that ring with the console closed; the service worker is loaded with these alone. */
export const pushed = {
  wants_video: { zh: "顾客想视频看货", en: "A buyer wants to see it live" },
  wants_voice: { zh: "顾客想语音咨询", en: "A buyer wants to talk" },
  from: { zh: "来自{place}", en: "from {place}" },
  place_product: { zh: "商品页", en: "the product page" },
  place_cart: { zh: "购物车", en: "the cart" },
  place_order: { zh: "订单", en: "an order" },
  place_case: { zh: "售后", en: "an after-sale case" },
  place_chat: { zh: "聊天", en: "a chat" },
  place_link: { zh: "链接", en: "a link" },
  push_accept: { zh: "接听", en: "Accept" },
  push_later: { zh: "暂不方便", en: "Not now" },
  push_missed: { zh: "未接来电", en: "Missed call" },
  push_missed_what: { zh: "{title}。点开看看。", en: "{title}. Tap to see it." },
  push_answered: { zh: "已有人接听", en: "Answered" },
  push_tried: { zh: "这台设备会响铃", en: "This device rings" },
  push_tried_what: { zh: "关掉看货工作台，来电也会这样提醒您。", en: "With the console closed, a call shows up like this." },
} as const;
