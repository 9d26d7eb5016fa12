import js from "@eslint/js";

export default [
  js.configs.recommended,
  {
    files: ["**/*.js"],
    rules: {
      "max-lines-per-function": ["error", {max: 80}],
      "max-len": ["error", {code: 140}],
      "no-undef": "off",                                     // tsc knows what there is
      "no-unused-vars": "error",
      "prefer-const": ["error", {destructuring: "all"}],
      "no-var": "error",
      eqeqeq: ["error", "always", {null: "ignore"}],
      semi: "error",
      quotes: ["error", "double", {avoidEscape: true, allowTemplateLiterals: true}],
      indent: ["error", 2, {SwitchCase: 1, flatTernaryExpressions: true, ignoredNodes: ["ConditionalExpression *", "TemplateLiteral *"]}],
    },
  },
];
