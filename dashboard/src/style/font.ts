/** The same as `--font` of `tokens.css`: for what cannot read the style sheet, such as a canvas. */
export const font =
  "system-ui, 'Noto Sans', 'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', 'Noto Sans SC', sans-serif"
