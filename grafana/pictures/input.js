// What draw.mjs gave to the page, and what follows from it.

import { createTheme, dateTime } from '@grafana/data';

export const { dashboard, results, width, theme: mode, run, from, to, step } = window.input;
export const theme = createTheme({ colors: { mode } });
export const range = { from: dateTime(from * 1000), to: dateTime(to * 1000) };
range.raw = { from: range.from, to: range.to };
