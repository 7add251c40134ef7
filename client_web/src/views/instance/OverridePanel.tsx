/** The rules that stand on its signals: who made them, when they end, and the way to clear them. */
import { useState } from 'react';
import type { InstanceRow, SignalOffer } from '../../api/documents';
import { outcomeOf, reasons } from '../../api/outcome';
import { OverrideClearMutation, OverridesQuery, type OverrideRow } from '../../api/overrides';
import { expiryText, standingText } from '../../domain/override';
import { offers } from '../../domain/phase';
import { useConnection } from '../../live/hooks';
import { Button } from '../../ui/Button';
import { Panel } from '../../ui/Panel';
import { useVoice } from '../../ui/Toasts';
import { useNow } from '../clock';
import { useStanding } from './standing';

export function OverridePanel({ row, signals }: { readonly row: InstanceRow; readonly signals: readonly SignalOffer[] }) {
  const { zoo, live } = useConnection();
  const { complain, announce } = useVoice();
  const { data, ask } = useStanding(OverridesQuery, { id: row.id }, row);
  const [clearing, setClearing] = useState<string>();
  const rules = data?.instance?.overrides ?? [];
  if (rules.length === 0) return null;
  const mayClear = offers(row).steer;

  const clear = async (id: string | undefined): Promise<void> => {
    setClearing(id ?? 'all');
    const outcome = await outcomeOf(zoo.mutate(OverrideClearMutation, { input: { instanceId: row.id, ...(id === undefined ? {} : { overrideId: id }) } }));
    setClearing(undefined);
    if (!outcome.ok) { complain(reasons(outcome.errors)); return; }
    if (outcome.value.instance !== null) live.learn([outcome.value.instance]);
    announce('Cleared');
    ask();
  };

  return (
    <Panel
      title="Overrides"
      aside={
        mayClear &&
        rules.length > 1 && (
          <Button tone="plain" busy={clearing === 'all'} onClick={() => void clear(undefined)}>
            Clear all
          </Button>
        )
      }
    >
      <ul className="rows">
        {rules.map((rule) => (
          <Standing key={rule.id} rule={rule} signal={signals.find(({ path }) => path === rule.path)} onClear={mayClear ? () => void clear(rule.id) : undefined} busy={clearing === rule.id} />
        ))}
      </ul>
    </Panel>
  );
}

function Standing({ rule, signal, onClear, busy }: { readonly rule: OverrideRow; readonly signal: SignalOffer | undefined; readonly onClear: (() => void) | undefined; readonly busy: boolean }) {
  const now = useNow(1000);
  const facts = [...(rule.author === null ? [] : [`by ${rule.author.name}`]), expiryText(rule, now) ?? 'until it is cleared'];
  return (
    <li>
      <div className="row-main">
        <p>
          <span className="mono">{rule.path}</span> {standingText(rule, signal?.modality)}
        </p>
        <p className="soft small">{facts.join(' · ')}</p>
      </div>
      {onClear !== undefined && (
        <Button busy={busy} aria-label={`Clear the rule on ${rule.path}`} onClick={onClear}>
          Clear
        </Button>
      )}
    </li>
  );
}
