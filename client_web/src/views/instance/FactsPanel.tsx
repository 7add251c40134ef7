/** What it was made of, and what the zoo found out about its model. */
import type { InstancePage, InstanceRow } from '../../api/documents';
import { formatAgo } from '../../domain/format';
import { FoldedPanel } from '../../ui/Panel';
import { useNow } from '../clock';
import { FindingList } from '../model/Findings';

export function FactsPanel({ row, page }: { readonly row: InstanceRow; readonly page: InstancePage }) {
  const now = useNow(10_000);
  const { model } = page;
  const facts: readonly (readonly [string, string])[] = [
    ...(model === null ? [] : ([['Source', model.source], ['Type', model.type]] as const)),
    ...(page.modelRevision === null ? [] : ([['Revision', page.modelRevision.slice(0, 12)]] as const)),
    ...(page.seed === null ? [] : ([['Seed', String(page.seed)]] as const)),
    ['Launched', formatAgo(row.createdAt, now)],
    ...(row.endedAt === null ? [] : ([['Ended', formatAgo(row.endedAt, now)]] as const)),
    ...(row.attempt > 1 ? ([['Attempt', String(row.attempt)]] as const) : []),
    ...Object.entries(isRecord(page.parameters) ? page.parameters : {}).map(([name, value]) => [name, JSON.stringify(value)] as const),
  ];
  return (
    <FoldedPanel title="About it" open={(model?.findings.length ?? 0) > 0}>
      {model !== null && model.description !== null && <p>{model.description}</p>}
      <dl className="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd className="mono">{value}</dd>
          </div>
        ))}
      </dl>
      {model !== null && model.findings.length > 0 && (
        <>
          <h3>What was found out</h3>
          <FindingList findings={model.findings} />
        </>
      )}
    </FoldedPanel>
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
