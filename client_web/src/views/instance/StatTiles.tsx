import type { InstanceRow } from '../../api/documents';
import { formatCount, formatNumber, formatRate } from '../../domain/format';
import { toNumber } from '../../domain/real';

export function StatTiles({ row }: { readonly row: InstanceRow }) {
  const { stats } = row;
  const tiles: readonly (readonly [string, string])[] = [
    ['Step', formatCount(stats.step)],
    ['Episode', formatCount(stats.episode)],
    ['Speed', formatRate(stats.stepsPerSecond)],
    ['Return', formatNumber(toNumber(stats.episodeReturn))],
    ['Loss', formatNumber(toNumber(stats.loss))],
    ...(row.timeline > 1 ? ([['Timeline', String(row.timeline)]] as const) : []),
  ];
  return (
    <dl className="tiles">
      {tiles.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd data-stat={name.toLowerCase()}>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
