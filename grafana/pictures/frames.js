// Answers of Prometheus as Grafana's data frames, with a panel's units, thresholds, colours and overrides applied.

import { applyFieldOverrides, FieldConfigOptionsRegistry, FieldType, toDataFrame } from '@grafana/data';
import { from, results, step, theme, to } from './input.js';

function legendOf(target, labels) {
  if (target.legendFormat) return target.legendFormat.replace(/{{\s*(\w+)\s*}}/g, (_, label) => labels[label] ?? '');
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${value}"`)
    .join(', ');
}

/** A point for every step, null where there is none: gaps are shown. */
function rangeFrames({ target, series }) {
  const times = [];
  for (let time = from; time <= to; time += step) times.push(time * 1000);
  return series.map(({ metric, values, value }) => {
    const known = new Map((values ?? [value]).map(([time, text]) => [Math.round(time * 1000), Number(text)]));
    const stamps = target.instant ? [...known.keys()] : times;
    const numbers = stamps.map((time) => (Number.isFinite(known.get(time)) ? known.get(time) : null));
    return toDataFrame({
      refId: target.refId,
      fields: [
        { name: 'Time', type: FieldType.time, values: stamps },
        {
          name: 'Value',
          type: FieldType.number,
          values: numbers,
          labels: metric,
          config: { displayNameFromDS: legendOf(target, metric) },
        },
      ],
    });
  });
}

export function tableFrame({ target, series }, several) {
  const labels = [...new Set(series.flatMap(({ metric }) => Object.keys(metric)))].sort();
  return toDataFrame({
    refId: target.refId,
    fields:
      series.length === 0
        ? []
        : [
            { name: 'Time', type: FieldType.time, values: series.map(({ value }) => value[0] * 1000) },
            ...labels.map((label) => ({
              name: label,
              type: FieldType.string,
              values: series.map(({ metric }) => metric[label]),
            })),
            {
              name: several ? `Value #${target.refId}` : 'Value',
              type: FieldType.number,
              values: series.map(({ value }) => Number(value[1])),
            },
          ],
  });
}

/** All properties that the panel sets, as they stand. */
function registryFor({ fieldConfig: { defaults, overrides } }) {
  const ids = new Set([
    'displayName',
    ...Object.keys(defaults).filter((key) => key !== 'custom'),
    ...Object.keys(defaults.custom ?? {}).map((key) => `custom.${key}`),
    ...overrides.flatMap(({ properties }) => properties.map(({ id }) => id)),
  ]);
  return new FieldConfigOptionsRegistry(() =>
    [...ids].map((id) => ({
      id,
      name: id,
      path: id.replace(/^custom\./, ''),
      isCustom: id.startsWith('custom.'),
      process: (value) => value,
      shouldApply: () => true,
      editor: null,
      override: null,
    })),
  );
}

export function configured(panel, frames) {
  return applyFieldOverrides({
    data: frames,
    fieldConfig: panel.fieldConfig,
    fieldConfigRegistry: registryFor(panel),
    replaceVariables: (text) => text,
    theme,
    timeZone: 'utc',
  });
}

export const framesOf = (panel) => configured(panel, results[panel.id].flatMap(rangeFrames));
