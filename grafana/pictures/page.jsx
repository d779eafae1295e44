// A dashboard with data, drawn.

import { ThemeContext } from '@grafana/data';
import { createRoot } from 'react-dom/client';
import { Bars, Lines, Stat, TableOf } from './components.jsx';
import { Heatmap, Timeline } from './drawn.jsx';
import { dashboard, results, run, theme, width } from './input.js';

const CELL = 30,
  GAP = 8;
const columnWidth = (width - GAP) / 24;
const KINDS = {
  stat: Stat,
  timeseries: Lines,
  bargauge: Bars,
  table: TableOf,
  heatmap: Heatmap,
  'state-timeline': Timeline,
};

function Panel({ panel }) {
  const { x, y, w, h } = panel.gridPos;
  const place = {
    position: 'absolute',
    left: GAP + x * columnWidth,
    top: 60 + y * (CELL + GAP),
    width: w * columnWidth - GAP,
    height: h * (CELL + GAP) - GAP,
  };
  if (panel.type === 'row')
    return <h2 style={{ ...place, margin: 0, fontSize: 18, lineHeight: '30px' }}>{panel.title}</h2>;
  const empty = results[panel.id].every(({ series }) => series.length === 0);
  const Kind = KINDS[panel.type];
  const inner = { width: place.width - 18, height: place.height - 40 };
  return (
    <section
      style={{
        ...place,
        background: theme.colors.background.primary,
        border: `1px solid ${theme.colors.border.weak}`,
        borderRadius: 4,
        overflow: 'hidden',
      }}
    >
      <div style={{ padding: '4px 8px', fontSize: 14, fontWeight: 500, height: 30 }}>{panel.title}</div>
      <div style={{ padding: '0 8px' }}>
        {empty ? (
          <div style={{ ...inner, display: 'grid', placeItems: 'center', color: theme.colors.text.secondary }}>
            {panel.fieldConfig.defaults.noValue}
          </div>
        ) : (
          <Kind panel={panel} {...inner} />
        )}
      </div>
    </section>
  );
}

createRoot(document.getElementById('root')).render(
  <ThemeContext.Provider value={theme}>
    <style>{`
      *, *::before, *::after { box-sizing: border-box; }
      body {
        margin: 0;
        background: ${theme.colors.background.canvas};
        color: ${theme.colors.text.primary};
        font: 14px Inter, "Liberation Sans", sans-serif;
      }
    `}</style>
    <h1 style={{ margin: 0, padding: '12px 16px', fontSize: 22 }}>
      {dashboard.title}
      {dashboard.uid === 'azimuth-direction' && ` of ${run}`}
    </h1>
    {dashboard.panels.map((panel) => (
      <Panel key={panel.id} panel={panel} />
    ))}
  </ThemeContext.Provider>,
);
