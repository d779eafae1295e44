// Draws the dashboards from a live Prometheus, one picture each, in headless Chromium, with Grafana's own components
// from npm where there is one (stat, time series, bar gauge, table), else with uPlot (heatmap, state timeline).
// For whoever changes the dashboards: to see every panel without a Grafana. Nothing else needs this folder.
//
//     npm install --legacy-peer-deps
//     node draw.mjs --prometheus http://127.0.0.1:9090 --run finetune --minutes 15 --out /tmp/pictures
//
// The packages may lie elsewhere: node draw.mjs --packages FOLDER ...

import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));
const { values: options } = parseArgs({
  options: {
    prometheus: { type: 'string', default: 'http://127.0.0.1:9090' },
    run: { type: 'string', default: 'finetune' },
    minutes: { type: 'string', default: '15' },
    scrape: { type: 'string', default: '5' },
    out: { type: 'string', default: 'pictures' },
    packages: { type: 'string', default: here },
    theme: { type: 'string', default: 'light' },
    height: { type: 'string' }, // in pixels; else all of the dashboard
    chromium: { type: 'string', default: 'chromium' },
  },
});
const WIDTH = 1600;
const seconds = 60 * Number(options.minutes);
const end = Math.floor(Date.now() / 1000);
const step = Math.max(Number(options.scrape), Math.round(seconds / 300));

function filled(expr, run) {
  const variables = {
    $__rate_interval: `${Math.max(step + Number(options.scrape), 4 * options.scrape)}s`,
    $__interval: `${step}s`,
    $__range: `${seconds}s`,
    $run: run,
    $block: '.*',
  };
  return Object.entries(variables).reduce((text, [name, value]) => text.replaceAll(name, value), expr);
}

async function query(expr, instant) {
  const parameters = instant ? { query: expr, time: end } : { query: expr, start: end - seconds, end, step };
  const kind = instant ? 'query' : 'query_range';
  const answer = await fetch(`${options.prometheus}/api/v1/${kind}?${new URLSearchParams(parameters)}`);
  const { status, data, error } = await answer.json();
  if (status !== 'success') throw new Error(`${expr}: ${error}`);
  return data.result;
}

async function dataOf(dashboard) {
  // Of the fleet's dashboards all runs are shown, of one run's dashboard one.
  const run = dashboard.uid === 'azimuth-direction' ? options.run : '.*';
  const results = {};
  for (const panel of dashboard.panels) {
    results[panel.id] = [];
    for (const target of panel.targets ?? []) {
      results[panel.id].push({ target, series: await query(filled(target.expr, run), target.instant) });
    }
  }
  return results;
}

/**
 * Of Grafana's packages the CommonJS builds: their ES modules take Node's way with default exports of CommonJS
 * packages, which breaks some components. @grafana/ui also brings a code editor of some megabytes, which no panel uses.
 */
const GRAFANA = {
  name: 'grafana',
  setup(build) {
    build.onResolve({ filter: /^@grafana\/(data|ui|schema)$/ }, ({ path }) => ({
      path: join(resolve(options.packages), 'node_modules', path, 'dist/cjs/index.cjs'),
    }));
    build.onResolve({ filter: /^(react-)?monaco-editor/ }, ({ path }) => ({ path, namespace: 'empty' }));
    build.onLoad({ filter: /.*/, namespace: 'empty' }, () => ({ contents: 'module.exports = {};' }));
  },
};

async function bundle() {
  const esbuild = createRequire(join(resolve(options.packages), 'package.json'))('esbuild');
  const built = await esbuild.build({
    entryPoints: [join(here, 'page.jsx')],
    bundle: true,
    write: false,
    outfile: 'page.js',
    nodePaths: [join(resolve(options.packages), 'node_modules')],
    define: { 'process.env.NODE_ENV': '"production"', global: 'window' },
    loader: { '.svg': 'dataurl', '.woff2': 'dataurl', '.ttf': 'dataurl' },
    plugins: [GRAFANA],
    jsx: 'automatic',
    logLevel: 'error',
  });
  const text = (suffix) =>
    built.outputFiles
      .filter((file) => file.path.endsWith(suffix))
      .map((file) => file.text)
      .join('\n');
  return { script: text('.js'), style: text('.css') };
}

const { script, style } = await bundle();
const work = mkdtempSync(join(tmpdir(), 'azimuth-pictures-'));
try {
  mkdirSync(options.out, { recursive: true });
  const folder = join(here, '..', 'dashboards');
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.json'))) {
    const dashboard = JSON.parse(readFileSync(join(folder, file)));
    const rows = Math.max(...dashboard.panels.map(({ gridPos }) => gridPos.y + gridPos.h));
    const input = {
      dashboard,
      results: await dataOf(dashboard),
      width: WIDTH,
      theme: options.theme,
      run: options.run,
      from: end - seconds,
      to: end,
      step,
    };
    const page = join(work, 'page.html');
    const safe = (text) => text.replaceAll('</script', '<\\/script');
    writeFileSync(
      page,
      `<!doctype html><meta charset="utf-8"><style>${style}</style><div id="root"></div>
<script>window.input = ${safe(JSON.stringify(input))};</script><script>${safe(script)}</script>`,
    );
    const picture = resolve(options.out, file.replace('.json', '.png'));
    const { stderr } = spawnSync(
      options.chromium,
      [
        '--headless=new',
        '--no-sandbox',
        '--hide-scrollbars',
        '--disable-gpu',
        '--enable-logging=stderr',
        `--user-data-dir=${join(work, 'profile')}`,
        `--window-size=${WIDTH},${options.height ?? rows * 38 + 60}`,
        '--virtual-time-budget=20000',
        `--screenshot=${picture}`,
        `file://${page}`,
      ],
      { encoding: 'utf8', maxBuffer: 1 << 28 },
    );
    const errors = stderr.split('\n').filter((line) => line.includes('CONSOLE') && line.includes('rror'));
    console.log([picture, ...errors].join('\n'));
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
