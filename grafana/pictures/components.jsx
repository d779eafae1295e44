// The panels that Grafana's packages have a component for.

import {
  getFieldDisplayValues,
  standardTransformers,
  standardTransformersRegistry,
  transformDataFrame,
  VizOrientation,
} from '@grafana/data';
import { BarGauge, BigValue, Table, TimeSeries } from '@grafana/ui';
import { useEffect, useState } from 'react';
import { configured, framesOf, tableFrame } from './frames.js';
import { range, results, theme } from './input.js';

// Some stand there under two names.
const transformers = new Map(Object.values(standardTransformers).map((each) => [each.id, each]));
standardTransformersRegistry.setInit(() =>
  [...transformers.values()].map((transformation) => ({
    id: transformation.id,
    name: transformation.name,
    transformation: async () => transformation,
    editor: null,
  })),
);

export function Stat({ panel, width, height }) {
  const values = getFieldDisplayValues({
    data: framesOf(panel),
    fieldConfig: panel.fieldConfig,
    reduceOptions: panel.options.reduceOptions,
    replaceVariables: (text) => text,
    theme,
    timeZone: 'utc',
  });
  return (
    <div style={{ display: 'flex' }}>
      {values.map(({ display }, i) => (
        <BigValue
          key={i}
          value={values.length > 1 ? display : { ...display, title: undefined }}
          theme={theme}
          width={width / values.length}
          height={height}
          colorMode={panel.options.colorMode}
          graphMode="none"
          justifyMode={panel.options.justifyMode}
          textMode={panel.options.textMode}
        />
      ))}
    </div>
  );
}

export function Lines({ panel, width, height }) {
  return (
    <TimeSeries
      frames={framesOf(panel)}
      width={width}
      height={height}
      timeRange={range}
      timeZone="utc"
      legend={panel.options.legend}
      options={panel.options}
    />
  );
}

export function Bars({ panel, width, height }) {
  const frames = framesOf(panel);
  const bars = frames.map((frame) => frame.fields[1]);
  const highest = Math.max(...bars.map((field) => field.values.at(-1)));
  return bars.map((field, i) => (
    <BarGauge
      key={i}
      theme={theme}
      width={width}
      height={Math.min(40, height / bars.length)}
      orientation={VizOrientation.Horizontal}
      displayMode={panel.options.displayMode}
      showUnfilled={panel.options.showUnfilled}
      namePlacement={panel.options.namePlacement}
      valueDisplayMode={panel.options.valueMode}
      field={{ ...field.config, min: field.config.min ?? 0, max: field.config.max ?? highest }}
      value={{ ...field.display(field.values.at(-1)), title: field.config.displayNameFromDS }}
      display={field.display}
    />
  ));
}

export function TableOf({ panel, width, height }) {
  const [frame, setFrame] = useState(null);
  useEffect(() => {
    const several = results[panel.id].length > 1;
    const frames = results[panel.id].map((result) => tableFrame(result, several)).filter((each) => each.fields.length);
    const context = { interpolate: (text) => text };
    const subscription = transformDataFrame(panel.transformations ?? [], frames, context).subscribe((transformed) =>
      setFrame(configured(panel, transformed)[0]),
    );
    return () => subscription.unsubscribe();
  }, []);
  return (
    frame && (
      <Table data={frame} width={width} height={height} columnMinWidth={90} initialSortBy={panel.options.sortBy} />
    )
  );
}
