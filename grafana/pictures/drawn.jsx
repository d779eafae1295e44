// The panels that Grafana's packages have no component for, drawn with uPlot.

import { interpolateViridis } from 'd3-scale-chromatic';
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { framesOf } from './frames.js';
import { from, step, theme, to } from './input.js';

/** uPlot's axes, and `draw` between them. */
function Plot({ width, height, labels, left, draw }) {
  const element = useRef(null);
  useEffect(() => {
    const axis = {
      stroke: theme.colors.text.primary,
      grid: { show: false },
      ticks: { stroke: theme.colors.border.weak },
    };
    const plot = new uPlot(
      {
        width,
        height,
        legend: { show: false },
        cursor: { show: false },
        tzDate: (time) => uPlot.tzDate(new Date(time * 1000), 'Etc/UTC'),
        scales: { x: { time: true, range: [from, to] }, y: { range: [0, labels.length] } },
        axes: [
          {
            ...axis,
            values: [
              [60, '{HH}:{mm}', null, null, null, null, null, null, 1],
              [1, '{HH}:{mm}:{ss}', null, null, null, null, null, null, 1],
            ],
          },
          { ...axis, size: left, splits: () => labels.map((_, i) => i + 0.5), values: () => labels },
        ],
        series: [{}, { scale: 'y', paths: () => null, points: { show: false } }],
        hooks: {
          draw: [
            (drawn) =>
              draw(
                drawn.ctx,
                (x) => drawn.valToPos(x, 'x', true),
                (y) => drawn.valToPos(y, 'y', true),
              ),
          ],
        },
      },
      [
        [from, to],
        [0, labels.length],
      ],
      element.current,
    );
    return () => plot.destroy();
  }, []);
  return <div ref={element} />;
}

export function Heatmap({ panel, width, height }) {
  const rows = framesOf(panel)
    .map(({ fields: [time, value] }) => ({ name: value.config.displayNameFromDS, time, value }))
    .sort((a, b) => Number(a.name) - Number(b.name));
  const all = rows.flatMap(({ value }) => value.values).filter((number) => number !== null);
  const low = Math.min(...all),
    high = Math.max(...all);
  const { exponent } = panel.options.color;
  const colour = (number) => interpolateViridis(((number - low) / (high - low)) ** exponent);
  const legend = [0, 0.25, 0.5, 0.75, 1].map((share) => low + share ** (1 / exponent) * (high - low));
  const draw = (canvas, x, y) =>
    rows.forEach(({ time, value }, row) =>
      value.values.forEach((number, i) => {
        if (number === null) return;
        const begin = time.values[i] / 1000;
        canvas.fillStyle = colour(number);
        canvas.fillRect(x(begin), y(row + 1), Math.min(x(begin + step), x(to)) - x(begin) + 1, y(row) - y(row + 1) + 1);
      }),
    );
  const labels = rows.map(({ name }, i) => (i % 3 === 0 ? name : ''));
  return (
    <>
      <Plot width={width} height={height - 26} labels={labels} left={50} draw={draw} />
      <Legend entries={legend.map((number) => [number.toPrecision(3).replace(/e\+?/, 'e'), colour(number)])} />
    </>
  );
}

export function Timeline({ panel, width, height }) {
  const [
    {
      fields: [time, value],
    },
  ] = framesOf(panel);
  const shown = new Map();
  const draw = (canvas, x, y) => {
    let begin = 0;
    for (let i = 1; i <= value.values.length; ++i) {
      if (i < value.values.length && value.values[i] === value.values[begin]) continue;
      if (value.values[begin] !== null) {
        const left = x(time.values[begin] / 1000),
          right = i < value.values.length ? x(time.values[i] / 1000) : x(to);
        const { text, color } = value.display(value.values[begin]);
        canvas.fillStyle = color;
        canvas.fillRect(left, y(0.95), right - left, y(0.05) - y(0.95));
        canvas.fillStyle = '#000';
        canvas.font = '12px sans-serif';
        canvas.textAlign = 'left';
        if (right - left > 50) canvas.fillText(text, left + 6, y(0.5) + 4);
      }
      begin = i;
    }
  };
  value.values
    .filter((code) => code !== null)
    .forEach((code) => {
      const { text, color } = value.display(code);
      shown.set(text, color);
    });
  return (
    <>
      <Plot width={width} height={height - 26} labels={['state']} left={50} draw={draw} />
      <Legend entries={[...shown]} />
    </>
  );
}

function Legend({ entries }) {
  return (
    <div style={{ display: 'flex', gap: 16, paddingLeft: 12, fontSize: 12 }}>
      {entries.map(([text, colour]) => (
        <span key={text}>
          <i style={{ display: 'inline-block', width: 14, height: 10, marginRight: 6, background: colour }} />
          {text}
        </span>
      ))}
    </div>
  );
}
