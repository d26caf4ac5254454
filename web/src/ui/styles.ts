/** What every element's shadow root shares: boxes, type, buttons, fields. */
import { css } from "lit";

export const shared = css`
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
  :host {
    display: block;
    color: var(--ink);
    font: var(--text) / 1.5 var(--font);
  }
  :host([hidden]) {
    display: none;
  }
  h1,
  h2,
  h3,
  p,
  ul,
  ol,
  dl,
  dd,
  figure {
    margin: 0;
    padding: 0;
  }
  ul,
  ol {
    list-style: none;
  }
  h1 {
    font-size: var(--text-l);
    line-height: 1.3;
    font-weight: 650;
    text-wrap: balance;
  }
  h1:focus {
    outline: none;
  }
  h2 {
    font-size: var(--text-m);
    line-height: 1.4;
    font-weight: 650;
  }
  .soft {
    color: var(--ink-soft);
  }
  .small {
    font-size: var(--text-xs);
  }
  img {
    display: block;
    max-width: 100%;
  }
  button {
    min-height: var(--target);
    min-width: var(--target);
    padding: 0 20px;
    border: 0;
    border-radius: 999px;
    background: transparent;
    color: var(--ink);
    font: inherit;
    cursor: pointer;
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 10px;
    transition: transform var(--quick), background-color var(--quick);
    -webkit-tap-highlight-color: transparent;
  }
  button:active {
    transform: scale(0.98);
  }
  button:disabled {
    opacity: 0.6;
    cursor: default;
  }
  :focus-visible {
    outline: 3px solid var(--jade);
    outline-offset: 2px;
  }
  .act {
    background: var(--jade);
    color: var(--on-jade);
    font-weight: 650;
    font-size: var(--text-m);
    min-height: 56px;
  }
  .plain {
    background: var(--sheet);
    box-shadow: inset 0 0 0 1.5px var(--line);
    min-height: 56px;
    font-size: var(--text-m);
  }
  .end {
    background: var(--red);
    color: var(--on-red);
    font-weight: 650;
  }
  .link {
    color: var(--jade);
    padding: 0 12px;
    text-decoration: underline;
    text-underline-offset: 4px;
  }
  .wide {
    width: 100%;
  }
  .stack {
    display: grid;
    gap: 12px;
  }
  .chips {
    display: flex;
    flex-wrap: wrap;
    gap: 8px;
  }
  .chips button {
    background: var(--sheet);
    box-shadow: inset 0 0 0 1.5px var(--line);
    padding: 0 16px;
  }
  .chips button[aria-pressed="true"] {
    background: var(--jade-soft);
    box-shadow: inset 0 0 0 2px var(--jade);
    font-weight: 650;
  }
  input,
  textarea,
  select {
    font: inherit;
    color: var(--ink);
    background: var(--sheet);
    border: 1.5px solid var(--line);
    border-radius: var(--radius);
    min-height: var(--target);
    padding: 10px 14px;
    width: 100%;
  }
  label {
    display: grid;
    gap: 6px;
    font-weight: 600;
  }
  .notice {
    border-radius: var(--radius);
    background: var(--amber-soft);
    color: var(--amber);
    padding: 12px 16px;
  }
  .visually-hidden {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
`;
