/** Tensors that differ, the largest change first. A part at a time is in the page, so that thousands of them cost nothing. */
import { useDeferredValue, useMemo, useState } from 'react';
import type { TensorRow } from '../../api/documents';
import { byNorm, formText, relativeText, tallyText } from '../../domain/difference';
import { formatCount, formatNumber, NOTHING } from '../../domain/format';
import { toNumber } from '../../domain/real';
import { Button } from '../../ui/Button';
import { Icon } from '../../ui/Icon';
import { Panel } from '../../ui/Panel';

const PART = 100;
const SEARCH_FROM = 12;

export function TensorTable({ tensors }: { readonly tensors: readonly TensorRow[] }) {
  const [search, setSearch] = useState('');
  const [shown, setShown] = useState(PART);
  const words = useDeferredValue(search.toLowerCase());
  const sorted = useMemo(() => byNorm(tensors), [tensors]);
  const found = useMemo(() => (words === '' ? sorted : sorted.filter(({ path }) => path.toLowerCase().includes(words))), [sorted, words]);
  const left = found.length - shown;

  return (
    <Panel title="Tensors" aside={tensors.length > 0 && <span className="soft small">{tallyText(tensors)}</span>}>
      {tensors.length === 0 && <p className="soft">The same in both, to the last bit.</p>}
      {tensors.length >= SEARCH_FROM && (
        <label className="search">
          <span className="unseen">Search tensors by path</span>
          <Icon name="search" />
          <input className="input" type="search" placeholder="Search by path" value={search} onChange={(event) => setSearch(event.target.value)} />
        </label>
      )}
      {found.length > 0 && (
        <table className="table tensors">
          <thead>
            <tr>
              <th scope="col">Tensor</th>
              <th scope="col">Change</th>
              <th scope="col" className="number">
                Norm
              </th>
            </tr>
          </thead>
          <tbody>
            {found.slice(0, shown).map((tensor) => (
              <tr key={tensor.path}>
                <th scope="row">
                  <span className="mono">{tensor.path}</span>
                  <span className="soft small">{formText(tensor)}</span>
                </th>
                <td className="word">{tensor.change}</td>
                <td className="number">
                  {tensor.norm === null ? NOTHING : formatNumber(toNumber(tensor.norm))}
                  {tensor.relative !== null && <span className="soft small">{relativeText(tensor.relative)}</span>}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {tensors.length > 0 && found.length === 0 && <p className="soft">No path matches “{search}”.</p>}
      {left > 0 && (
        <Button tone="plain" onClick={() => setShown(shown + PART)}>
          Show {formatCount(Math.min(PART, left))} of {formatCount(left)} more
        </Button>
      )}
    </Panel>
  );
}
