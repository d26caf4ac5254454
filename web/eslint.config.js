import { configs as lit } from "eslint-plugin-lit";
import { configs as a11y } from "eslint-plugin-lit-a11y";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["src/protocol/**"] },
  {
    files: ["src/**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked, lit["flat/recommended"]],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      "max-lines": ["error", { max: 400 }],
    },
  },
  {
    // the house's rooms: faces never import each other, core knows no face and no Lit, the launcher imports nothing
    files: ["src/core/**/*.ts"],
    ignores: ["**/*.test.ts"],
    rules: { "no-restricted-imports": ["error", { patterns: ["lit", "lit/*", "../ui/*", "../buyer/*", "../merchant/*"] }] },
  },
  {
    files: ["src/ui/**/*.ts"],
    rules: { "no-restricted-imports": ["error", { patterns: ["../core/*", "../buyer/*", "../merchant/*", "../protocol/*"] }] },
  },
  { files: ["src/buyer/**/*.ts"], rules: { "no-restricted-imports": ["error", { patterns: ["../merchant/*"] }] } },
  { files: ["src/merchant/**/*.ts"], rules: { "no-restricted-imports": ["error", { patterns: ["../buyer/*"] }] } },
  {
    files: ["src/launcher/kanhuo.ts"],
    rules: { "no-restricted-imports": ["error", { patterns: ["*"] }] },
  },
);
